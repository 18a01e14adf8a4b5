/** Scales of axes: ticks, logarithms and the range without outliers. */

/** @typedef {Float64Array | readonly number[]} Numbers */

/**
 * Return about `count` round numbers from `low` to `high`.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function ticks(low, high, count = 5) {
  if (!Number.isFinite(low) || !Number.isFinite(high) || high < low) return [];
  if (low === high) return [low];
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  if (!(power > 0)) return [low, high];
  const step = power * (/** @type {number} */ ([1, 2, 5, 10].find((size) => size * power >= rough * 0.7)) || 10);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) + 1e-9) + 1);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9 && found.length < 1000; at += 1)
    found.push(digits > 100 ? at * step : Number((at * step).toFixed(Math.min(digits, 100))) + 0);
  return found;
}

/**
 * Return powers of ten from `low` to `high`, with twos and fives if the range is short. Both must be positive.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function logTicks(low, high, count = 6) {
  if (!(low > 0) || !(high >= low) || high === Infinity) return [];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / count));
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = first; power <= last; power += every)
    for (const factor of factors) found.push(Number(`${factor}e${power}`));
  return found.filter((tick) => tick >= low * (1 - 1e-12) && tick <= high * (1 + 1e-12));
}

/**
 * Return a function from values to the unit range, and its inverse. On a log scale, values that are not positive become
 * NaN.
 *
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 */
export function unitScale(low, high, log = false) {
  const to = log ? (/** @type {number} */ value) => (value > 0 ? Math.log(value) : NaN) : (/** @type {number} */ value) => value;
  const from = log ? Math.exp : (/** @type {number} */ value) => value;
  const [start, size] = [to(low), to(high) - to(low)];
  return {
    /** @param {number} value */
    unit: (value) => (size ? (to(value) - start) / size : 0.5),
    /** @param {number} share */
    value: (share) => from(start + share * size),
  };
}

/**
 * @typedef {object} Extent
 * @property {number} low The least value that is shown; NaN if there is none.
 * @property {number} high The greatest value that is shown.
 * @property {number} below How many values are less.
 * @property {number} above How many values are greater.
 */

/**
 * Return the range of finite values, without the outliers below and above two percentiles.
 *
 * Each percentile is the nearest value at or inside it, so that the range has values at both ends. Values that equal
 * the range's ends are no outliers. If the outliers would widen the range by less than a quarter, none are left out.
 *
 * @param {readonly Numbers[]} lists The values of all lines.
 * @param {number} lower The percentile of the lower end, from 0 to 100.
 * @param {number} upper
 * @returns {Extent}
 */
export function percentileRange(lists, lower = 1, upper = 99) {
  let total = 0;
  for (const list of lists) total += list.length;
  const values = new Float64Array(total);
  let count = 0;
  for (const list of lists)
    for (let at = 0; at < list.length; at += 1) if (Number.isFinite(list[at])) values[count++] = list[at];
  if (!count) return { low: NaN, high: NaN, below: 0, above: 0 };
  const sorted = values.subarray(0, count).sort();
  const [least, most] = [sorted[0], sorted[count - 1]];
  const low = sorted[Math.ceil(((count - 1) * lower) / 100)];
  const high = sorted[Math.floor(((count - 1) * upper) / 100)];
  if (!(low < high) || most - least <= (high - low) * 1.25) return { low: least, high: most, below: 0, above: 0 };
  return { low, high, below: firstNotBelow(sorted, low), above: count - firstAbove(sorted, high) };
}

/** @param {Float64Array} sorted @param {(value: number) => boolean} is */
function partition(sorted, is) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (is(sorted[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** @param {Float64Array} sorted @param {number} value */
const firstNotBelow = (sorted, value) => partition(sorted, (other) => other >= value);
/** @param {Float64Array} sorted @param {number} value */
const firstAbove = (sorted, value) => partition(sorted, (other) => other > value);
