/** The difference of two confusion matrices as a table with coloured cells: blue is less, orange is more. */

import { html } from "htm/preact";
import { diverging, inkOn } from "../lib/colour.js";
import { number } from "../lib/format.js";
import { differenceOf } from "../lib/matrices.js";
import { HeatModes, MOST } from "./heat.js";

/** @typedef {import("../lib/matrices.js").ConfusionMatrix} ConfusionMatrix */
/** @typedef {import("../lib/matrices.js").HeatMode} HeatMode */

/**
 * @param {{
 *   label: string, one: ConfusionMatrix, other: ConfusionMatrix, to: string, mode: HeatMode,
 *   onMode: (mode: HeatMode) => void, dark: boolean,
 * }} props `to` names the other matrix.
 */
export function HeatDifference({ label, one, other, to, mode, onMode, dark }) {
  const { names, rows, right, one: own, two } = differenceOf(one, other, mode);
  const size = Math.min(names.length, MOST);
  const shown = rows.slice(0, size).map((row) => row.slice(0, size));
  const most = shown.flat().reduce((greatest, cell) => Math.max(greatest, Math.abs(cell)), 0) || 1;
  const share = mode !== "counts";
  const text = (/** @type {number} */ cell) => (share ? signed(cell * 100, 1) : signed(cell, 4));
  const about = Number.isNaN(right) ? "" : `${signed(right * 100, 1)} percentage points right, against ${to}`;
  return html`<div class="heat">
    <${HeatModes} mode=${mode} onMode=${onMode} text=${about} />
    <div class="heat-ground" tabindex="0" role="region" aria-label=${`${label}: table of differences`}>
      <table class=${size > 16 ? "heat-table small" : size > 6 ? "heat-table many" : "heat-table"} aria-label=${`${label}, difference to ${to}`}>
        <thead>
          <tr>
            <td></td>
            <th class="heat-axis" colspan=${size} scope="colgroup">predicted${share ? ", percentage points" : ""}</th>
          </tr>
          <tr>
            <th scope="col" class="heat-axis">true</th>
            ${names.slice(0, size).map((name) => html`<th scope="col" title=${name}>${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${shown.map(
            (row, y) =>
              html`<tr key=${names[y]}>
                <th scope="row" title=${names[y]}>${names[y]}</th>
                ${row.map((cell, x) => {
                  const background = diverging(cell / most, dark);
                  const title = `${names[y]} predicted as ${names[x]}: ${number(own[y][x])}, and ${number(two[y][x])} in ${to}`;
                  return html`<td title=${title} style=${{ background, color: inkOn(background) }}>${text(cell)}</td>`;
                })}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${names.length > MOST && html`<p class="soft">The first ${MOST} of ${names.length} classes are shown.</p>`}
  </div>`;
}

/** A difference with its sign. @param {number} value @param {number} digits after the point, for a number that is not whole */
function signed(value, digits) {
  const text = Number(Math.abs(value).toFixed(digits)).toString();
  return text === "0" ? "0" : `${value < 0 ? "−" : "+"}${text}`;
}
