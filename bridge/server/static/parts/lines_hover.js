/** What the pointer is on in a plot of lines: the values of all lines by distance, and moves of the range. */

import { nearest } from "./lines_data.js";
import { follow } from "./table_drag.js";

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {{ line: Line, at: number, distance: number, near: boolean, smooth: number | null }} TipRow */

/** Pixels within which a line counts as the one that is meant. */
const NEAR = 24;

/**
 * Return the values of all lines at an x, the nearest to the pointer first.
 * @param {import("./lines_plot.js").LinePlot} chart
 * @param {number} x
 * @param {number} top the pointer's place, in pixels of the page from the top of the plot
 * @param {string | null} before the line that was the nearest before: it stays if another is not clearly nearer
 * @returns {TipRow[]}
 */
export function tipRows(chart, x, top, before) {
  const { plane } = chart;
  /** @type {TipRow[]} */
  const rows = [];
  for (const line of chart.lines) {
    const at = nearest(line, x);
    if (at < 0) continue;
    // A line that ended far from here has no value here.
    const gap = Math.abs(plane.x(line.x[at]) - plane.x(x)) / plane.ratio;
    if (gap > 40 && !(at > 0 && at < line.n - 1)) continue;
    const smoothed = chart.options.smoothed(line);
    const y = smoothed ? smoothed[at] : line.y[at];
    const place = (plane.y(y) - plane.box.top) / plane.ratio;
    const distance = Number.isFinite(place) ? Math.abs(place - top) : 1e6;
    rows.push({ line, at, distance: line.id === before ? distance - 1 : distance, near: false, smooth: smoothed ? y : null });
  }
  rows.sort((one, other) => one.distance - other.distance);
  if (rows.length && rows[0].distance < NEAR) rows[0].near = true;
  return rows;
}

/**
 * Put a tooltip beside the pointer, inside the window.
 * @param {HTMLElement} tip
 * @param {HTMLElement} holder
 * @param {PointerEvent} event
 */
export function placeTip(tip, holder, event) {
  const { offsetWidth: width, offsetHeight: height } = tip;
  let left = event.clientX + 16;
  let top = event.clientY + 16;
  if (left + width > innerWidth - 8) left = event.clientX - width - 16;
  if (top + height > innerHeight - 8) top = Math.max(8, innerHeight - height - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${top}px`;
}

/**
 * Move the range with the pointer while Shift is held. Without Shift, the frame draws the range of the zoom.
 * @param {PointerEvent} event
 * @param {import("./lines_plot.js").LinePlot} chart
 * @param {(low: number, high: number) => void} onZoom
 */
export function panOrZoom(event, chart, onZoom) {
  if (!event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  event.stopPropagation();
  const [low, high] = chart.range;
  const wide = chart.frame.box.width;
  const start = event.clientX;
  const shift = (/** @type {PointerEvent} */ moved) => {
    const by = ((start - moved.clientX) / wide) * (high - low);
    onZoom(low + by, high + by);
  };
  follow(event, shift, shift);
}
