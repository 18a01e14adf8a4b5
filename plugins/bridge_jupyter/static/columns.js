/** Sampled series as the columns that uPlot draws. */

import { duration, number, time } from "runbridge/lib/format.js";

/** @typedef {import("runbridge/data/series.js").Sampled} Sampled */
/** @typedef {(number | null)[]} Values */

/** NaN and ±infinity interrupt a line. @param {number} value */
const drawn = (value) => (Number.isFinite(value) ? value : null);

/**
 * Return the x of a series and its values: the points, or the means of the buckets with their bounds.
 *
 * @param {Sampled} series
 * @returns {[number[], Values, Values, Values]}
 */
export function tableOf({ exact, x, values, count, edges, mean, minimum, maximum }) {
  if (exact && x && values) {
    const all = Array.from(values, drawn);
    return [Array.from(x), all, all, all];
  }
  /** @type {[number[], Values, Values, Values]} */
  const table = [[], [], [], []];
  if (!count || !mean || !minimum || !maximum) return table;
  for (let i = 0; i < count.length; i++) {
    if (count[i] === 0) continue;
    table[0].push((edges[i] + edges[i + 1]) / 2);
    table[1].push(drawn(mean[i]));
    table[2].push(drawn(minimum[i]));
    table[3].push(drawn(maximum[i]));
  }
  return table;
}

/**
 * Return the columns of a chart: x, and for each series its values, with `band` also the bounds of its buckets.
 *
 * @param {Sampled[]} series
 * @param {boolean} band
 */
export function columnsOf(series, band) {
  const tables = series.map((one) => tableOf(one).slice(0, band ? 4 : 2));
  return tables.length === 1 ? sorted(tables[0]) : uPlot.join(tables.map(sorted));
}

/** uPlot needs increasing x. Of several points at the same x, the last is drawn. @param {any[]} table */
function sorted(table) {
  const x = /** @type {number[]} */ (table[0]);
  if (x.every((one, i) => i === 0 || one > x[i - 1])) return table;
  const rows = [...new Map(x.map((one, i) => [one, i])).entries()].sort((a, b) => a[0] - b[0]).map(([, i]) => i);
  return table.map((column) => rows.map((i) => column[i]));
}

/** @param {Sampled[]} series @param {(run: string) => string} colour */
export const bandsOf = (series, colour) =>
  series.map((one, i) => ({ series: [3 * i + 3, 3 * i + 2], fill: `${colour(one.run)}2e` }));

/**
 * Return the labels of an axis.
 *
 * @param {number[]} values
 * @param {string} x
 * @param {{ min: number, max: number }} scale
 */
export function axisLabel(values, x, scale) {
  if (x === "relative") return values.map((value) => (value === 0 ? "0" : duration(value)));
  if (x !== "time") return values.map((value) => number(value));
  const text = (/** @type {number} */ value) => time(value, { seconds: true });
  return scale.max - scale.min > 86_400_000
    ? values.map((value) => text(value).slice(5, 16))
    : values.map((value) => text(value).slice(11, scale.max - scale.min > 600_000 ? 16 : 19));
}
