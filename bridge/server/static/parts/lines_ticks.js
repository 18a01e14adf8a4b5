/** The ticks of the axes of a plot of lines, with their texts. */

import { DURATIONS, spaced, timeTicks } from "../lib/axis_ticks.js";
import { duration, number } from "../lib/format.js";
import { logTicks } from "../lib/scale.js";

/** The least distances of ticks, in pixels. */
const X_SPACE = 64;
const Y_SPACE = 28;

/** @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  for (const [unit, sign] of /** @type {[number, string][]} */ ([[1e9, "G"], [1e6, "M"], [1e3, "k"]])) {
    if (size >= unit && size < 1e15 && (size >= 10 * unit || value % unit === 0 || size % (unit / 10) === 0)) {
      return `${Number((value / unit).toPrecision(6))}${sign}`;
    }
  }
  return number(value, 6);
}

/**
 * Return a function from values to parts of an axis, from 0 to 1.
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 */
export function part(low, high, log) {
  const along = log ? Math.log : (/** @type {number} */ value) => value;
  return (/** @type {number} */ value) => (along(value) - along(low)) / (along(high) - along(low));
}

/**
 * @param {number} low @param {number} high @param {number} room in pixels @param {string} x @param {boolean} log
 * @returns {[number, string][]}
 */
export function xTicks(low, high, room, x, log) {
  const most = Math.floor(room / X_SPACE);
  if (x === "time" && !log) return timeTicks(low, high, most);
  const sizes = x === "relative" ? DURATIONS : [];
  const values = log ? logTicks(low, high, most) : spaced(low, high, most, { sizes, whole: x === "step" });
  return values.map((value) => [value, x === "relative" ? `${value < 0 ? "−" : ""}${duration(Math.abs(value))}` : short(value)]);
}

/** @param {number} low @param {number} high @param {number} room in pixels @param {boolean} log @returns {[number, string][]} */
export function yTicks(low, high, room, log) {
  const most = Math.floor(room / Y_SPACE);
  const values = log ? logTicks(low, high, most) : spaced(low, high, most);
  return values.map((value) => [value, short(Number(value.toPrecision(12)))]);
}
