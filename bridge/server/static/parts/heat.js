/** A confusion matrix as a table with coloured cells, which prints its numbers. */

import { html } from "htm/preact";
import { inkOn, viridis } from "../lib/colour.js";
import { number } from "../lib/format.js";

/** @typedef {import("../lib/matrices.js").HeatMode} HeatMode */

/** @type {[HeatMode, string, string][]} */
const MODES = [
  ["counts", "Counts", "Number of cases"],
  ["rows", "By row", "Share of the cases of each true class"],
  ["columns", "By column", "Share of the cases of each predicted class"],
];

/** The greatest number of classes that are shown. */
export const MOST = 100;

/** The choice of the numbers that a matrix shows. @param {{ mode: HeatMode, onMode: (mode: HeatMode) => void, text: string }} props */
export function HeatModes({ mode, onMode, text: about }) {
  return html`<div class="segments" role="group" aria-label="Numbers of the matrix">
    ${MODES.map(
      ([name, text, title]) =>
        html`<button key=${name} title=${title} aria-pressed=${mode === name} onClick=${() => onMode(name)}>
          ${text}
        </button>`,
    )}
    <span class="heat-sum">${about}</span>
  </div>`;
}

/**
 * @param {{ label: string, classes: unknown[], matrix: (number | null)[][], mode: HeatMode, onMode: (mode: HeatMode) => void }} props
 */
export function Heat({ label, classes, matrix, mode, onMode }) {
  const size = Math.min(matrix.length, MOST);
  const names = Array.from({ length: size }, (_, at) => String(classes[at] ?? at));
  const rows = matrix.slice(0, size).map((row) => row.slice(0, size).map((cell) => cell ?? 0));
  const down = names.map((_, at) => rows.reduce((sum, row) => sum + row[at], 0));
  const across = rows.map((row) => row.reduce((sum, cell) => sum + cell, 0));
  const right = rows.reduce((sum, row, at) => sum + row[at], 0);
  const all = across.reduce((sum, total) => sum + total, 0);
  const shares = rows.map((row, y) => row.map((cell, x) => shareOf(cell, mode, across[y], down[x], rows)));
  return html`<div class="heat">
    <${HeatModes} mode=${mode} onMode=${onMode} text=${all ? `${percent(right / all)} right of ${number(all)}` : ""} />
    <div class="heat-ground" tabindex="0" role="region" aria-label=${`${label}: table`}>
      <table class=${size > 16 ? "heat-table small" : size > 6 ? "heat-table many" : "heat-table"} aria-label=${label}>
        <thead>
          <tr>
            <td></td>
            <th class="heat-axis" colspan=${size} scope="colgroup">predicted</th>
            <td></td>
          </tr>
          <tr>
            <th scope="col" class="heat-axis">true</th>
            ${names.map((name) => html`<th scope="col" title=${name}>${name}</th>`)}
            <th scope="col" class="heat-edge">recall</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row, y) =>
              html`<tr key=${y}>
                <th scope="row" title=${names[y]}>${names[y]}</th>
                ${row.map((cell, x) => cellOf(cell, shares[y][x], mode, `${names[y]} predicted as ${names[x]}: ${number(cell)}`))}
                <td class="heat-edge">${across[y] ? percent(row[y] / across[y]) : "–"}</td>
              </tr>`,
          )}
          <tr>
            <th scope="row" class="heat-edge">precision</th>
            ${names.map((_, x) => html`<td class="heat-edge">${down[x] ? percent(rows[x][x] / down[x]) : "–"}</td>`)}
            <td></td>
          </tr>
        </tbody>
      </table>
    </div>
    ${matrix.length > MOST && html`<p class="soft">The first ${MOST} of ${matrix.length} classes are shown.</p>`}
  </div>`;
}

/** @param {number} cell @param {HeatMode} mode @param {number} across @param {number} down @param {number[][]} rows */
function shareOf(cell, mode, across, down, rows) {
  const whole =
    mode === "rows" ? across : mode === "columns" ? down : rows.reduce((most, row) => Math.max(most, ...row), 0);
  return whole > 0 ? Math.max(0, cell) / whole : 0;
}

/** @param {number} cell @param {number} share @param {HeatMode} mode @param {string} title */
function cellOf(cell, share, mode, title) {
  const background = viridis(share);
  const style = { background, color: inkOn(background) };
  return html`<td title=${title} style=${style}>${mode === "counts" ? number(cell) : percent(share)}</td>`;
}

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(share > 0.0005 && share < 0.0995 ? 1 : 0)} %`;
