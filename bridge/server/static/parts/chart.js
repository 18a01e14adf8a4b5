/** The frame of a chart: its title, what it does not show, and what one can do with it. */

import { html } from "htm/preact";
import { number } from "../lib/format.js";
import { Icon } from "./icon.js";
import { Menu } from "./menu.js";

/** @typedef {{ text: string, onPress?: () => void }} Note something that the chart does not show, and how to show it */

/**
 * @param {object} props
 * @param {string} props.name the key of the metric
 * @param {string} [props.title] the text of the heading; the name if it is absent
 * @param {string} [props.about] the description of the key
 * @param {string} props.summary what the chart shows, as a sentence for people who cannot see it
 * @param {Note[]} [props.notes]
 * @param {boolean} [props.big]
 * @param {boolean} [props.stale] the points are older than the rest of the page
 * @param {import("./menu.js").MenuEntry[] | (() => import("./menu.js").MenuEntry[])} props.menu
 * @param {() => void} [props.onLarge]
 * @param {number} props.height of the body, in pixels
 * @param {(node: HTMLElement | null) => void} [props.onNode]
 * @param {any} props.children
 */
export function Chart({ name, title, about, summary, notes = [], big, stale, menu, onLarge, height, onNode, children }) {
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.target !== event.currentTarget || !onLarge) return;
    event.preventDefault();
    event.stopPropagation();
    onLarge();
  };
  return html`<figure class=${`chart${big ? " big" : ""}`} aria-label=${name} data-chart=${name} tabindex="0" ref=${onNode}
    onKeyDown=${keyed}>
    <figcaption class="chart-head">
      <h3 class="chart-title" title=${name}>${title || name}</h3>
      <span class="chart-about" title=${about || ""}>${about || ""}</span>
      <span class="chart-actions">
        ${onLarge
          ? html`<button type="button" class="button quiet small icon" aria-label=${`Large view of ${name}`} title="Large view (Enter)"
              onClick=${onLarge}><${Icon} name="grow" /></button>`
          : null}
        <${Menu} label=${`Actions of ${name}`} icon="more" class="button quiet small icon" end=${true} items=${menu} />
      </span>
    </figcaption>
    <div class=${`chart-body${stale ? " stale" : ""}`} style=${{ height: `${height}px`, flex: "none" }}>${children}</div>
    <div class="chart-notes">
      ${notes.map((note) =>
        note.onPress
          ? html`<button type="button" onClick=${note.onPress}>${note.text}</button>`
          : html`<span>${note.text}</span>`,
      )}
    </div>
    <p class="visually-hidden">${summary}</p>
  </figure>`;
}

/**
 * Return what a chart shows, as a sentence.
 * @param {string} name
 * @param {{ name: string, latest: number, min: number, max: number }[]} lines
 * @param {string} axis
 */
export function summaryOf(name, lines, axis) {
  if (!lines.length) return `${name}: none of the shown runs has points.`;
  const low = Math.min(...lines.map((line) => line.min).filter((value) => !Number.isNaN(value)));
  const high = Math.max(...lines.map((line) => line.max).filter((value) => !Number.isNaN(value)));
  const last = lines.filter((line) => !Number.isNaN(line.latest)).sort((one, other) => one.latest - other.latest);
  const ends = last.length
    ? ` Last values go from ${number(last[0].latest)} (${last[0].name}) to ${number(last[last.length - 1].latest)} (${last[last.length - 1].name}).`
    : "";
  return `${name} over ${axis}, ${lines.length} ${lines.length === 1 ? "run" : "runs"}, values from ${number(low)} to ${number(high)}.${ends}`;
}
