/** A chart of one number for each run: bars in order, with their names and values. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { exact, number } from "../lib/format.js";

/** @typedef {{ id: string, name: string, colour: string, value: number }} Bar */

/**
 * @param {{ name: string, bars: Bar[], height: number,
 *   hover: import("./lines.js").LinesProps["hover"], onPick?: (run: string) => void }} props
 */
export function Bars({ name, bars, height, hover, onPick }) {
  const list = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  useEffect(
    () =>
      hover.subscribe((now) => {
        for (const row of list.current.querySelectorAll(".bar")) {
          row.classList.toggle("near", /** @type {HTMLElement} */ (row).dataset.run === now.run);
        }
      }),
    [hover, bars],
  );
  const sorted = [...bars].sort((one, other) => rank(one.value) - rank(other.value) || one.value - other.value);
  const finite = bars.map((bar) => bar.value).filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  const share = (/** @type {number} */ value) => (high > low ? ((value - low) / (high - low)) * 100 : 0);
  return html`<div class="bars" ref=${list} role="list" tabindex="0" aria-label=${`${name}, one value a run`}
    style=${{ height: `${height}px` }} onPointerLeave=${() => (hover.value = { chart: "", run: null, x: null })}>
    ${sorted.map((bar) => {
      const from = share(Math.min(0, bar.value));
      const to = share(Math.max(0, bar.value));
      return html`<div class="bar" role="listitem" key=${bar.id} data-run=${bar.id} title=${`${bar.name}: ${exact(bar.value)}`}
        onPointerEnter=${() => (hover.value = { chart: name, run: bar.id, x: null })} onClick=${() => onPick && onPick(bar.id)}>
        <span class="bar-name">${bar.name}</span>
        <span class="bar-track">
          ${Number.isFinite(bar.value)
            ? html`<span class="bar-fill" style=${{ background: bar.colour, left: `${from}%`, width: `${to - from}%` }}></span>`
            : null}
        </span>
        <span class="bar-value">${number(bar.value)}</span>
      </div>`;
    })}
  </div>`;
}

/** NaN comes last. @param {number} value */
const rank = (value) => (Number.isNaN(value) ? 1 : 0);
