/**
 * Ranges on axes, as clauses of a filter: `metrics.loss >= 0.1 and metrics.loss <= 0.3`.
 *
 * The store compares params as texts, so a range of a param becomes one clause per value that it excludes.
 *
 * @typedef {[low: number, high: number]} Range
 * @typedef {Record<string, Range>} Ranges by the key of an axis
 */

import { clauseText } from "./filter.js";

const MOST = 40; // clauses for one range; the store accepts a limited number in a filter

/**
 * Return the rows that lie in all ranges, 1 for each.
 * @param {import("./axes.js").Axis[]} axes
 * @param {Ranges} ranges
 * @param {number} rows
 * @returns {Uint8Array}
 */
export function rowsInRanges(axes, ranges, rows) {
  const inside = new Uint8Array(rows).fill(1);
  for (const axis of axes) {
    const range = ranges[axis.key];
    if (!range) continue;
    const [low, high] = range, values = axis.values;
    for (let i = 0; i < rows; i++) if (!(values[i] >= low && values[i] <= high)) inside[i] = 0;
  }
  return inside;
}

/**
 * Return the clauses of a filter for a range, or null if the filter would be too long.
 * @param {import("./axes.js").Axis} axis
 * @param {Range} range
 * @returns {string[] | null}
 */
export function clausesOf(axis, [low, high]) {
  if (!axis.key.startsWith("params.") && !axis.key.startsWith("tags.") && axis.kind === "number") {
    return [clauseText(axis.key, ">=", sixDigits(low)), clauseText(axis.key, "<=", sixDigits(high))];
  }
  const value = (/** @type {string} */ word, /** @type {number} */ i) => (axis.kind === "word" ? i : Number(word));
  const kept = axis.words.filter((word, i) => value(word, i) >= low && value(word, i) <= high);
  if (kept.length === 1) return [clauseText(axis.key, "=", kept[0])];
  const excluded = axis.words.filter((word) => !kept.includes(word));
  if (kept.length === 0 || excluded.length > MOST) return null;
  return excluded.map((word) => clauseText(axis.key, "!=", word));
}

/**
 * Return a filter with further clauses.
 * @param {string} filter
 * @param {string[]} clauses
 */
export function withClauses(filter, clauses) {
  return [filter.trim(), ...clauses].filter((text) => text !== "").join(" and ");
}

/** Return a number with six digits: a pointer cannot choose more. @param {number} value */
const sixDigits = (value) => Number(value.toPrecision(6));
