/** The grid of charts. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "runbridge/lib/format.js";
import { zoom } from "./connection.js";
import { Plot } from "./plot.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("runbridge/data/series.js").Sampled} Sampled */

/** The charts that are near the visible part are asked for. */
const MARGIN = "300px";

/** @param {{ connection: Connection, dark: boolean, group: string }} props */
export function Charts({ connection, dark, group }) {
  const contents = connection.contents.value;
  const all = connection.series.value;
  const visible = useRef(new Set(/** @type {string[]} */ ([])));
  const asked = useRef("");
  const timer = useRef(0);
  if (!contents) return null;
  const keys = contents.keys.filter((key) => isLine(all.get(key)));
  const see = (/** @type {string} */ key, /** @type {boolean} */ seen) => {
    if (seen) visible.current.add(key);
    else visible.current.delete(key);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      // Charts that were shown stay, so that a key that is only scrolled past is not asked for again and again.
      const wanted = contents.keys.filter((one) => visible.current.has(one));
      if (wanted.length === 0 || wanted.join("\n") === asked.current) return;
      asked.current = wanted.join("\n");
      connection.send({ kind: "keys", keys: wanted });
    }, 120);
  };
  return html`<div class="charts">
    ${keys.map(
      (key) =>
        html`<${Chart} key=${key} name=${key} series=${all.get(key)} ...${{ connection, dark, group, see }} />`,
    )}
  </div>`;
}

/** A series of a single point needs no chart: its value is in a table. @param {Sampled[] | undefined} series */
const isLine = (series) => series === undefined || series.some((one) => one.points > 1);

/**
 * @param {object} props
 * @param {string} props.name
 * @param {Sampled[] | undefined} props.series
 * @param {Connection} props.connection
 * @param {boolean} props.dark
 * @param {string} props.group
 * @param {(key: string, seen: boolean) => void} props.see
 */
function Chart({ name, series, connection, dark, group, see }) {
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  const [hover, setHover] = useState("");
  useEffect(() => {
    const root = /** @type {HTMLElement} */ (card.current).closest(".body");
    const observer = new IntersectionObserver(([{ isIntersecting }]) => see(name, isIntersecting), { root, rootMargin: MARGIN });
    observer.observe(/** @type {HTMLElement} */ (card.current));
    return () => (observer.disconnect(), see(name, false));
  }, [name]); // prettier-ignore
  const shown = series?.filter((one) => one.points > 0) ?? [];
  const charted = connection.contents.value?.charted ?? [];
  const about = (/** @type {string} */ run) => charted.find((one) => one.id === run) ?? { number: 0, name: run };
  const value = hover || (shown.length === 1 ? number(shown[0].latest, 5) : "");
  return html`<figure class="card" ref=${card} data-key=${name}>
    <figcaption class="row">
      <span class="cut grow strong" title=${name}>${name}</span>
      <span class="cut value">${value}</span>
    </figcaption>
    ${shown.length > 0
      ? html`<${Plot}
          label=${labelOf(name, shown)}
          series=${shown}
          x=${connection.x.value}
          range=${connection.range.value}
          onZoom=${(/** @type {[number, number] | null} */ range) => zoom(connection, range)}
          onHover=${setHover}
          ...${{ about, dark, group }}
        />`
      : html`<div class="plot empty"></div>`}
    ${hidden(shown) ? html`<div class="hint soft">${hidden(shown)}</div>` : null}
  </figure>`;
}

/** @param {string} name @param {Sampled[]} series */
function labelOf(name, series) {
  const [low, high] = [Math.min(...series.map((one) => one.min)), Math.max(...series.map((one) => one.max))];
  return `${name}: ${series.length === 1 ? `latest ${number(series[0].latest)}, ` : `${series.length} runs, `}from ${number(low)} to ${number(high)}`;
}

/** Return how many points a chart cannot draw. @param {Sampled[]} series */
function hidden(series) {
  const nans = series.reduce((sum, one) => sum + one.nans, 0);
  const infinities = series.reduce((sum, one) => sum + one.infinities, 0);
  return [nans && `${nans} NaN`, infinities && `${infinities} infinite`].filter(Boolean).join(", ");
}
