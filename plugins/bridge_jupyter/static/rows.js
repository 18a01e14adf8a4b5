/** The table of runs: the children of a run, the runs of an experiment, or the listed runs. */

import { html } from "htm/preact";
import { runColour } from "runbridge/lib/colour.js";
import { duration, number, plural } from "runbridge/lib/format.js";
import { Status } from "runbridge/parts/status.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").ListedRow} ListedRow */

/** @param {{ connection: Connection, dark: boolean, now: number }} props `now` is the time of the kernel's clock. */
export function Rows({ connection, dark, now }) {
  const contents = connection.contents.value;
  if (!contents || contents.rows.length === 0) return null;
  const { rows, columns, total, charted, subject } = contents;
  const shown = new Set(charted.map((one) => one.id));
  const canChoose = subject !== "run" || rows.some((row) => shown.has(row.id));
  const toggle = (/** @type {string} */ id) => {
    const runs = rows.map((row) => row.id).filter((one) => shown.has(one) !== (one === id));
    connection.send({ kind: "choose", runs });
  };
  return html`<section aria-label=${subject === "run" ? "Children" : "Runs"}>
    <h3>${subject === "run" ? "Children" : "Runs"} <span class="soft">${count(rows.length, total)}</span></h3>
    <div class="table">
      <table>
        <thead>
          <tr>
            <th>name</th>
            <th>status</th>
            <th class="number">duration</th>
            ${columns.map((key) => html`<th class="number cut" title=${key}>${key}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            (row) =>
              html`<tr key=${row.id}>
                <th scope="row"><div class="name">
                  ${canChoose ? html`<${Dot} row=${row} shown=${shown.has(row.id)} dark=${dark} toggle=${toggle} />` : null}
                  <span class="cut" title=${row.name}>${row.name}</span>
                </div></th>
                <td><${Status} status=${row.status} /></td>
                <td class="number">${elapsed(row, now)}</td>
                ${row.values.map((value) => html`<td class="number">${shownValue(value)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** A button in the colour of a run, which shows or hides its lines. */
function Dot(/** @type {{ row: ListedRow, shown: boolean, dark: boolean, toggle: (id: string) => void }} */ props) {
  const { row, shown, dark, toggle } = props;
  const colour = runColour(row.number, dark).colour;
  const style = { borderColor: colour, background: shown ? colour : "transparent" };
  const label = `${shown ? "Hide" : "Show"} ${row.name} in the charts`;
  return html`<button class="dot" aria-pressed=${shown} title=${label} aria-label=${label} style=${style} onClick=${() => toggle(row.id)}></button>`;
}

/** @param {number} listed @param {number} total */
const count = (listed, total) => (listed < total ? `newest ${listed} of ${plural(total, "run")}` : String(total));

/** @param {{ start: number | null, end: number | null, ended: boolean }} row @param {number} now */
export function elapsed(row, now) {
  if (row.start === null) return "";
  const end = row.ended ? row.end : now;
  // The clocks of the browser and of the kernel may differ slightly.
  return end === null ? "" : duration(row.ended ? end - row.start : Math.max(0, end - row.start));
}

/** @param {number | string | null} value */
export const shownValue = (value) => (typeof value === "number" ? number(value, 5) : (value ?? ""));
