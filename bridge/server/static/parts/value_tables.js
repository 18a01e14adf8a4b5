/** Tables of logged rows: a line or a scatter of two columns, a chooser of the columns, and the rows themselves. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { viridis } from "../lib/colour.js";
import { number } from "../lib/format.js";
import { shownWord } from "./bands.js";
import { Plot } from "./plot.js";

/** @typedef {string | boolean | number | null} Word */
/** @typedef {{ [column: string]: Word[] }} Columns */

/** Whether each value of a column is a number or missing, and at least one is a number. @param {Word[]} values */
function isNumeric(values) {
  return (
    values.some((value) => typeof value === "number") &&
    values.every((value) => value === null || typeof value === "number")
  );
}

/** Whether the numbers never fall, or never rise. @param {Word[]} values */
function isMonotonic(values) {
  const numbers = /** @type {number[]} */ (values.filter((value) => typeof value === "number"));
  return (
    numbers.every((value, at) => !at || value >= numbers[at - 1]) ||
    numbers.every((value, at) => !at || value <= numbers[at - 1])
  );
}

/**
 * The chart of a table that needs no choice: of the first two columns with numbers. Null if only the rows can be shown.
 * @param {Columns} columns
 * @returns {{ x: string, y: string, colour: string, as: "line" | "points" } | null}
 */
export function chartOf(columns) {
  const numeric = Object.keys(columns).filter((name) => isNumeric(columns[name]));
  if (!numeric.length || (columns[numeric[0]]?.length ?? 0) < 2) return null;
  const [x, y] = numeric.length > 1 ? numeric : ["", numeric[0]];
  return { x, y, colour: "", as: x === "" || isMonotonic(columns[x]) ? "line" : "points" };
}

/**
 * @param {{ label: string, columns: Columns, steps?: ArrayLike<number>, total?: number, height?: number }} props
 *   `total` is the number of logged rows, if `columns` contain only some of them.
 */
export function ValueTable({ label, columns, steps, total, height = 220 }) {
  const chart = chartOf(columns);
  const [view, setView] = useState(chart ? "chart" : "rows");
  const names = Object.keys(columns);
  const choices = names.length > 2 || !chart || chart.x === "";
  return html`<div class="value-table">
    ${
      chart &&
      html`<div class="segments" role="group" aria-label="Form">
        <button aria-pressed=${view === "chart"} onClick=${() => setView("chart")}>Chart</button>
        <button aria-pressed=${view === "rows"} onClick=${() => setView("rows")}>Table</button>
      </div>`
    }
    ${
      chart && view === "chart"
        ? html`<${ChosenChart} label=${label} columns=${columns} first=${chart} choices=${choices} height=${height} />`
        : html`<${Rows} label=${label} columns=${columns} steps=${steps} />`
    }
    ${total !== undefined && total > (Object.values(columns)[0]?.length ?? 0) && html`<p class="soft">The last ${number(Object.values(columns)[0].length)} of ${number(total)} rows are shown.</p>`}
  </div>`;
}

/**
 * @param {{ label: string, columns: Columns, first: { x: string, y: string, colour: string, as: "line" | "points" }, choices: boolean, height: number }} props
 */
function ChosenChart({ label, columns, first, choices, height }) {
  const [chosen, setChosen] = useState(first);
  const names = Object.keys(columns);
  const numeric = names.filter((name) => isNumeric(columns[name]));
  /** @param {{ x?: string, y?: string, colour?: string }} change */
  const choose = (change) => {
    const next = { ...chosen, ...change };
    setChosen({ ...next, as: next.x === "" || isMonotonic(columns[next.x]) ? "line" : "points" });
  };
  const picker = (
    /** @type {string} */ name,
    /** @type {string} */ value,
    /** @type {string[]} */ options,
    /** @type {string} */ none,
  ) =>
    html`<label class="table-choice"
      >${name}
      <select
        class="select small"
        aria-label=${name}
        value=${value}
        onChange=${(/** @type {Event} */ event) => choose({ [name]: /** @type {HTMLSelectElement} */ (event.target).value })}
      >
        ${none && html`<option value="">${none}</option>`}${options.map((each) => html`<option key=${each} value=${each}>${each}</option>`)}
      </select></label
    >`;
  return html`<div>
    ${choices && html`<div class="choices">${picker("x", chosen.x, numeric, "row")}${picker("y", chosen.y, numeric, "")}${picker("colour", chosen.colour, names, "none")}</div>`}
    <${TwoColumns} label=${label} columns=${columns} height=${height} ...${chosen} />
  </div>`;
}

/** @param {{ label: string, columns: Columns, x: string, y: string, colour: string, as: "line" | "points", height: number }} props */
function TwoColumns({ label, columns, x, y, colour, as, height }) {
  const rows = columns[y].map((value, at) => ({
    at,
    x: x === "" ? at : /** @type {number} */ (columns[x][at]),
    y: /** @type {number | null} */ (value),
    word: colour ? columns[colour][at] : "",
  }));
  const kept = rows
    .filter((row) => typeof row.x === "number" && Number.isFinite(row.x))
    .sort((a, b) => a.x - b.x || a.at - b.at);
  const words = colour ? bins(kept.map((row) => row.word)) : [{ name: y, has: () => true, colour: "--accent" }];
  const lines = words.map((word) => ({
    name: word.name,
    colour: word.colour,
    as,
    spans: colour !== "",
    values: kept.map((row) => (word.has(row.word) ? row.y : null)),
  }));
  const sentence = `${label}: ${y} over ${x || "row"}, ${kept.length} rows`;
  return html`<${Plot}
    label=${sentence}
    x=${kept.map((row) => row.x)}
    lines=${lines}
    xName=${x || "row"}
    yName=${y}
    height=${height}
    legend=${colour !== ""}
  />`;
}

/**
 * The classes of a colour column: its words, or eight ranges of its numbers.
 * @param {Word[]} words
 * @returns {{ name: string, has: (word: Word) => boolean, colour: string }[]}
 */
function bins(words) {
  const kinds = [...new Set(words)];
  if (kinds.length <= 8 || !isNumeric(words)) {
    const named = kinds.slice(0, 8).map((kind, at) => ({
      name: shownWord(kind),
      has: (/** @type {Word} */ word) => word === kind,
      colour: viridis((at + 0.5) / Math.min(kinds.length, 8)),
    }));
    return kinds.length > 8
      ? [...named, { name: "others", has: (word) => !kinds.slice(0, 8).includes(word), colour: "--soft" }]
      : named;
  }
  const numbers = /** @type {number[]} */ (words.filter((word) => typeof word === "number" && Number.isFinite(word)));
  const low = numbers.reduce((least, value) => Math.min(least, value), Infinity);
  const width = (numbers.reduce((most, value) => Math.max(most, value), -Infinity) - low) / 8;
  return Array.from({ length: 8 }, (_, at) => ({
    name: `${number(low + at * width)} …`,
    has: (/** @type {Word} */ word) => typeof word === "number" && Math.min(7, Math.floor((word - low) / width)) === at,
    colour: viridis((at + 0.5) / 8),
  }));
}

/** @param {{ label: string, columns: Columns, steps?: ArrayLike<number> }} props */
export function Rows({ label, columns, steps }) {
  const [shown, setShown] = useState(200);
  const names = Object.keys(columns);
  const length = Object.values(columns)[0]?.length ?? 0;
  return html`<div class="value-rows" tabindex="0" role="region" aria-label=${`${label}: rows`}>
    <table class="rows">
      <thead>
        <tr>
          ${steps && html`<th scope="col" class="number">step</th>`}${names.map((name) => html`<th key=${name} scope="col" class=${isNumeric(columns[name]) ? "number" : ""}>${name}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${Array.from(
          { length: Math.min(shown, length) },
          (_, at) =>
            html`<tr key=${at}>
              ${steps && html`<td class="number soft">${number(steps[at])}</td>`}
              ${names.map((name) => cell(columns[name][at]))}
            </tr>`,
        )}
      </tbody>
    </table>
    ${shown < length && html`<button class="button small" onClick=${() => setShown(shown + 1000)}>Show ${number(Math.min(1000, length - shown))} more of ${number(length)} rows</button>`}
  </div>`;
}

/** @param {Word} value */
const cell = (value) =>
  typeof value === "number"
    ? html`<td class="number">${number(value)}</td>`
    : html`<td class=${value === null ? "soft" : ""}>${shownWord(value)}</td>`;
