/**
 * The axes of parallel coordinates and of the scatter chart: where a value lies on an axis, and its ticks.
 *
 * @typedef {object} Axis
 * @property {string} key the column, for example `params.lr` or `metrics.val/loss`
 * @property {string} label the text above the axis
 * @property {"number" | "word"} kind
 * @property {boolean} log whether the axis is logarithmic
 * @property {boolean} positive whether all values are greater than 0, so that the axis can be logarithmic
 * @property {Float64Array} values a number for each run: the value, or the place of its word; NaN if it has none
 * @property {string[]} words the words of a word axis, sorted; otherwise the distinct texts of the values
 * @property {Float32Array} positions 0 at the lower end and 1 at the upper end, NaN for a run without a value
 * @property {number} low the value at the lower end
 * @property {number} high the value at the upper end
 * @property {number} missing the number of runs without a value
 * @property {{at: number, text: string}[]} ticks
 */

import { number } from "./format.js";
import { logTicks, ticks, tickText } from "./scale.js";

const LOG_RATIO = 100; // an axis is logarithmic by itself if its values span this ratio, and
const LOG_MEDIAN = 0.15; // half of the different values lie in this share at its lower end
const FEW = 12; // an axis with so few different values has a tick at each

/**
 * Return the axis of numbers.
 * @param {string} key
 * @param {string} label
 * @param {Float64Array} values
 * @param {{log?: boolean, words?: string[]}} [options] without `log`, the values decide
 * @returns {Axis}
 */
export function numberAxis(key, label, values, options = {}) {
  let low = Infinity, high = -Infinity, missing = 0;
  for (const value of values) {
    if (!Number.isFinite(value)) { missing++; continue; }
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) { low = 0; high = 1; }
  const distinct = fewValues(values);
  const positive = low > 0;
  const log = positive && (options.log ?? (spansPowers(values, low, high) || isGeometric(distinct)));
  if (low === high) { const room = Math.abs(low) / 2 || 0.5; low -= room; high += room; }
  const place = placer(low, high, log);
  const positions = Float32Array.from(values, (value) => (Number.isFinite(value) ? place(value) : NaN));
  const round = distinct && isSpread(distinct, place) ? distinct : log ? logTicks(low, high) : ticks(low, high);
  const marks = round.map((at) => ({ at: place(at), text: tickText(at) }));
  return { key, label, kind: "number", log, positive, values, words: options.words ?? [], positions, low, high, missing,
    ticks: marks };
}

/**
 * @param {Float64Array} values
 * @param {number} low
 * @param {number} high
 */
function spansPowers(values, low, high) {
  if (high / low < LOG_RATIO) return false;
  const sorted = Float64Array.from(new Set(values.filter(Number.isFinite))).sort();
  return sorted[sorted.length >> 1] - low < LOG_MEDIAN * (high - low);
}

/**
 * Return the different values in ascending order, or null if there are many.
 * @param {Float64Array} values
 */
function fewValues(values) {
  const found = new Set();
  for (const value of values) {
    if (Number.isFinite(value)) found.add(value);
    if (found.size > FEW) return null;
  }
  return found.size > 0 ? [...found].sort((one, two) => one - two) : null;
}

/**
 * Whether each value is the same multiple of the one before: 16, 32, 64, 128.
 * @param {number[] | null} values
 */
function isGeometric(values) {
  if (!values || values.length < 4 || !(values[0] > 0)) return false;
  const ratio = values[1] / values[0];
  return values.every((value, i) => i === 0 || Math.abs(value / values[i - 1] / ratio - 1) < 0.01);
}

/**
 * Whether there is room for a tick at each value.
 * @param {number[]} values
 * @param {(value: number) => number} place
 */
const isSpread = (values, place) => values.every((value, i) => i === 0 || place(value) - place(values[i - 1]) > 0.045);

/**
 * Return the axis of a column of words. Words that are all numbers give an axis of numbers.
 * @param {string} key
 * @param {string} label
 * @param {Uint32Array} codes the index in `words` for each run
 * @param {(string | null)[]} words
 * @param {Uint8Array | null} present 0 for a run without a value
 * @param {{log?: boolean}} [options]
 * @returns {Axis}
 */
export function wordAxis(key, label, codes, words, present, options = {}) {
  const has = (/** @type {number} */ i) => (!present || present[i] === 1) && words[codes[i]] !== null;
  const numbers = words.map((word) => (word === null || word.trim() === "" ? NaN : Number(word)));
  const used = new Set();
  for (let i = 0; i < codes.length; i++) if (has(i)) used.add(codes[i]);
  const texts = /** @type {string[]} */ ([...used].map((code) => words[code]));
  if (used.size > 0 && [...used].every((code) => Number.isFinite(numbers[code]))) {
    const values = Float64Array.from(codes, (code, i) => (has(i) ? numbers[code] : NaN));
    return numberAxis(key, label, values, { ...options, words: texts });
  }
  const sorted = texts.sort((a, b) => (a < b ? -1 : 1));
  const rank = new Map(sorted.map((word, i) => [word, i]));
  const last = Math.max(1, sorted.length - 1);
  const place = (/** @type {number} */ i) => (sorted.length === 1 ? 0.5 : i / last);
  const values = Float64Array.from(codes, (code, i) => (has(i) ? Number(rank.get(String(words[code]))) : NaN));
  const positions = Float32Array.from(values, (value) => (Number.isNaN(value) ? NaN : place(value)));
  const every = Math.ceil(sorted.length / 14);
  const ticks = sorted.map((text, i) => ({ at: place(i), text })).filter((_, i) => i % every === 0);
  const missing = values.reduce((count, value) => count + Number(Number.isNaN(value)), 0);
  return { key, label, kind: "word", log: false, positive: false, values, words: sorted, positions, low: 0,
    high: sorted.length - 1, missing, ticks };
}

/**
 * Return the value at a place of an axis.
 * @param {Axis} axis
 * @param {number} position
 */
export function valueAt(axis, position) {
  if (axis.kind === "word") return position * Math.max(1, axis.words.length - 1);
  if (!axis.log) return 2 * (axis.low / 2 + position * (axis.high / 2 - axis.low / 2));
  return axis.low * (axis.high / axis.low) ** position;
}

/**
 * Return the place of a value on an axis, beyond 0 to 1 for values beyond its ends.
 * @param {Axis} axis
 * @param {number} value
 */
export function placeOf(axis, value) {
  if (axis.kind === "word") return axis.words.length === 1 ? 0.5 : value / (axis.words.length - 1);
  return placer(axis.low, axis.high, axis.log)(value);
}

/**
 * Return the text of a run's value.
 * @param {Axis} axis
 * @param {number} row
 */
export function textOf(axis, row) {
  const value = axis.values[row];
  if (Number.isNaN(value)) return "–";
  return axis.kind === "word" ? axis.words[value] : number(value);
}

/**
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 * @returns {(value: number) => number}
 */
function placer(low, high, log) {
  if (log) {
    const from = Math.log(low), width = Math.log(high) - from;
    return (value) => (Math.log(value) - from) / width;
  }
  // Halves, so that the width of the greatest numbers is finite.
  const from = low / 2, width = high / 2 - from;
  return (value) => (value / 2 - from) / width;
}
