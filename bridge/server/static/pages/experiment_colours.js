/** Colours of runs by the value of a column instead of by run: one hue for each text, viridis for numbers. */

import { neutral, runColour, viridis } from "../lib/colour.js";

/** @typedef {{ colour: string, dash: number[] }} Colour */

/**
 * Return a function from a row to its colour, or null if runs have their own colours.
 * @param {import("./experiment_runs.js").Runs} runs
 * @param {Uint32Array} rows the rows in the table, whose values span the scale
 * @param {string} name the column; empty for none
 * @returns {((row: number, dark: boolean) => Colour) | null}
 */
export function colourBy(runs, rows, name) {
  const column = name ? runs.columns.get(name) : undefined;
  if (!column) return null;
  const none = (/** @type {boolean} */ dark) => ({ colour: neutral(dark).missing, dash: [] });
  if (column.kind === "text") {
    // The hue depends on the text's place among all texts, so a filter does not change it.
    const sorted = column.words.filter((word) => word !== null).sort();
    const numbers = new Map(sorted.map((word, number) => /** @type {[string | null, number]} */ ([word, number + 1])));
    return (row, dark) => {
      const number = numbers.get(column.words[column.codes[row]]);
      return number === undefined ? none(dark) : runColour(number, dark);
    };
  }
  let low = Infinity;
  let high = -Infinity;
  for (const row of rows) {
    const value = column.values[row];
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return (row, dark) => {
    const value = column.values[row];
    if (Number.isNaN(value)) return none(dark);
    const share = high > low ? (value - low) / (high - low) : 0.5;
    // The darkest and the lightest colours are hard to see on a ground of the same kind.
    return { colour: viridis(dark ? 0.2 + 0.8 * share : 0.9 * share), dash: [] };
  };
}
