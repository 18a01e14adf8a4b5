/** The grid of charts: lines of metrics over an axis, and bars of metrics with one value in each run. */

import { html } from "htm/preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { runColour } from "runbridge/lib/colour.js";
import { number, plural } from "runbridge/lib/format.js";
import { Bars } from "runbridge/parts/bars.js";
import { Lines } from "runbridge/parts/lines.js";
import { toLine } from "runbridge/parts/lines_data.js";
import { zoom } from "./connection.js";
import { idOf, OtherCharts } from "./others.js";
import { watchSeen } from "./seen.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").Look} Look */
/** @typedef {import("runbridge/data/series.js").Sampled} Sampled */
/** @typedef {import("@preact/signals").Signal<import("runbridge/parts/lines.js").Hover>} Hover */

const HEIGHT = 136;
const BANDS = 5; // with more runs, the bands of the buckets would hide lines

/** @param {{ connection: Connection, look: Look, hover: Hover }} props */
export function Charts({ connection, look, hover }) {
  const see = useAsked(connection);
  const contents = connection.contents.value;
  if (!contents) return null;
  const all = connection.series.value;
  const keys = contents.keys.filter((key) => isChart(connection, key));
  return html`<div class="charts">
    ${keys.map(
      (key) => html`<${Chart} key=${key} name=${key} series=${all.get(key)} ...${{ connection, look, hover, see }} />`,
    )}
    <${OtherCharts} connection=${connection} see=${see} />
    ${contents.moreKeys ? html`<p class="soft more">and ${plural(contents.moreKeys, "metric")} more</p>` : null}
  </div>`;
}

/**
 * Return whether a metric has a chart: lines, or bars of several runs. A single value is in a table.
 *
 * @param {Connection} connection
 * @param {string} key
 */
export function isChart({ contents, lines, series }, key) {
  const found = series.value.get(key);
  return !found || lines.has(key) || (contents.value?.subject !== "run" && found.length > 1);
}

/** Return a function that is told which charts are visible, and asks the kernel for them. @param {Connection} connection */
function useAsked(connection) {
  const visible = useRef(new Set(/** @type {string[]} */ ([])));
  const asked = useRef("");
  const timer = useRef(0);
  return (/** @type {string} */ key, /** @type {boolean} */ seen) => {
    if (seen) visible.current.add(key);
    else visible.current.delete(key);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const contents = connection.contents.peek();
      const keys = (contents?.keys ?? []).filter((one) => visible.current.has(one));
      const others = (contents?.others ?? []).map(idOf).filter((one) => visible.current.has(one));
      const all = [...keys, "", ...others].join("\n");
      if (keys.length + others.length === 0 || all === asked.current) return;
      asked.current = all;
      connection.send({ kind: "keys", keys, others });
    }, 120);
  };
}

/**
 * @param {object} props
 * @param {string} props.name
 * @param {Sampled[] | undefined} props.series
 * @param {Connection} props.connection
 * @param {Look} props.look
 * @param {Hover} props.hover
 * @param {(key: string, seen: boolean) => void} props.see
 */
function Chart({ name, series, connection, look, hover, see }) {
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => watchSeen(/** @type {HTMLElement} */ (card.current), name, see), [name]);
  const charted = connection.contents.value?.charted ?? [];
  const shown = useMemo(() => (series ?? []).filter((one) => one.points > 0), [series]);
  const about = (/** @type {string} */ run) => charted.find((one) => one.id === run) ?? { number: 0, name: run };
  const names = shown.map((one) => about(one.run).name).join("\n");
  const lines = useMemo(() => {
    const band = shown.length > BANDS ? "none" : "minmax";
    return shown.map((one) => {
      const { colour, dash } = runColour(about(one.run).number, look.dark);
      return toLine(one, { ...about(one.run), colour, dash: shown.length > 1 ? dash : [], band });
    });
  }, [shown, names, look.dark]);
  const isLine = connection.lines.has(name);
  return html`<figure class="card" ref=${card} data-key=${name} onPointerMove=${() => keepTip(card.current)}>
    <figcaption class="row">
      <span class="cut grow strong" title=${name}>${name}</span>
      <span class="value">${shown.length === 1 ? number(shown[0].latest, 5) : ""}</span>
    </figcaption>
    ${isLine
      ? html`<${Lines}
          name=${name}
          lines=${lines}
          version=${lines}
          x=${connection.seriesX.value}
          log=${look.log}
          clip=${false}
          range=${connection.range.value}
          smoothing=${look.smoothing}
          smoothKind="ema"
          theme=${look.dark ? "dark" : "light"}
          height=${HEIGHT}
          hover=${hover}
          onZoom=${(/** @type {number} */ low, /** @type {number} */ high) => zoom(connection, [low, high])}
          onReset=${() => zoom(connection, null)}
        />`
      : shown.length
        ? html`<${Bars} name=${name} height=${HEIGHT} hover=${hover} bars=${lines.map((line) => ({ ...line, value: line.latest }))} />`
        : html`<div style=${{ height: `${HEIGHT}px` }}></div>`}
    <p class="visually-hidden">${summary(name, shown)}</p>
    ${lost(shown, look.log) ? html`<p class="hint soft">${lost(shown, look.log)}</p>` : null}
  </figure>`;
}

/**
 * Keep a tooltip at its place in the window. Notebooks move cells with transformations, and then the place of a fixed
 * element is not relative to the window.
 *
 * @param {HTMLElement | null} card
 */
function keepTip(card) {
  const tip = /** @type {HTMLElement | null} */ (card?.querySelector(".chart-tip:not([hidden])"));
  if (!tip) return;
  const { left, top } = tip.getBoundingClientRect();
  const [wantedLeft, wantedTop] = [parseFloat(tip.style.left), parseFloat(tip.style.top)];
  if (Math.abs(left - wantedLeft) > 0.5) tip.style.left = `${2 * wantedLeft - left}px`;
  if (Math.abs(top - wantedTop) > 0.5) tip.style.top = `${2 * wantedTop - top}px`;
}

/** @param {string} name @param {Sampled[]} series */
function summary(name, series) {
  if (series.length === 0) return `${name}: loading`;
  const [low, high] = [Math.min(...series.map((one) => one.min)), Math.max(...series.map((one) => one.max))];
  const whose = series.length === 1 ? `latest ${number(series[0].latest)}` : `${series.length} runs`;
  return `${name}: ${whose}, from ${number(low)} to ${number(high)}`;
}

/** Return what a chart cannot draw. @param {Sampled[]} series @param {boolean} log */
function lost(series, log) {
  const sum = (/** @type {"nans" | "infinities"} */ fact) => series.reduce((total, one) => total + one[fact], 0);
  const parts = [sum("nans") && `${sum("nans")} NaN`, sum("infinities") && `${sum("infinities")} infinite`];
  if (log && series.some((one) => one.min <= 0)) parts.push("points ≤ 0 not shown");
  return parts.filter(Boolean).join(", ");
}
