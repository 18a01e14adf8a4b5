/** Smoothing of lines. Values that are not finite stay as they are and do not count. */

/** @typedef {"ema" | "gauss" | "mean"} Kind */
/** @typedef {Float64Array | readonly number[]} Numbers */

const VIEWPORT = 1000;
const GAUSS_SHARE = 0.05;
const MEAN_SHARE = 0.2;
const GAUSS_REACH = 3;

/**
 * Return the smoothed values of a line.
 *
 * `ema` is an exponential mean weighted by the distance in x. `gauss` is a mean weighted by a normal distribution with
 * a deviation of up to 5 % of the range of x. `mean` is the mean of a window of up to 20 % of the range.
 *
 * @param {Numbers} x The ascending positions.
 * @param {Numbers} y The values.
 * @param {number} amount From 0, which changes nothing, to 0.999.
 * @param {Kind} kind
 * @param {number} range The length of the whole x axis; that of the line if it is absent.
 * @returns {Float64Array}
 */
export function smooth(x, y, amount, kind = "ema", range = x.length ? x[x.length - 1] - x[0] : 0) {
  if (!(amount > 0) || !(range > 0)) return Float64Array.from(y);
  const share = Math.min(amount, 0.999);
  if (kind === "gauss") return gauss(x, y, share * GAUSS_SHARE * range);
  if (kind === "mean") return mean(x, y, (share * MEAN_SHARE * range) / 2);
  return exponential(x, y, share, range);
}

/**
 * The exponential mean of Weights & Biases and TensorBoard: a weight for each thousandth of the range, without the bias
 * towards zero of the first values.
 *
 * Source: https://docs.wandb.ai/guides/app/features/panels/line-plot/smoothing, "Time weighted exponential moving
 * average".
 *
 * @param {Numbers} x @param {Numbers} y @param {number} amount @param {number} range
 */
function exponential(x, y, amount, range) {
  const out = new Float64Array(y.length);
  let [sum, weight, before] = [0, 0, NaN];
  for (let at = 0; at < y.length; at += 1) {
    const value = y[at];
    if (!Number.isFinite(value)) {
      out[at] = value;
      continue;
    }
    const decay = Number.isNaN(before) ? 0 : amount ** (((x[at] - before) * VIEWPORT) / range);
    sum = sum * decay + value;
    weight = weight * decay + 1;
    before = x[at];
    out[at] = sum / weight;
  }
  return out;
}

/** @param {Numbers} x @param {Numbers} y @param {number} deviation */
function gauss(x, y, deviation) {
  const out = new Float64Array(y.length);
  const reach = GAUSS_REACH * deviation;
  let first = 0;
  for (let at = 0; at < y.length; at += 1) {
    while (x[first] < x[at] - reach) first += 1;
    let [sum, weights] = [0, 0];
    for (let near = first; near < y.length && x[near] <= x[at] + reach; near += 1) {
      if (!Number.isFinite(y[near])) continue;
      const distance = (x[near] - x[at]) / deviation;
      const weight = Math.exp(-0.5 * distance * distance);
      sum += weight * y[near];
      weights += weight;
    }
    out[at] = Number.isFinite(y[at]) ? sum / weights : y[at];
  }
  return out;
}

/** @param {Numbers} x @param {Numbers} y @param {number} reach */
function mean(x, y, reach) {
  const out = new Float64Array(y.length);
  for (let at = 0, first = 0; at < y.length; at += 1) {
    while (x[first] < x[at] - reach) first += 1;
    let [sum, count] = [0, 0];
    for (let near = first; near < y.length && x[near] <= x[at] + reach; near += 1) {
      if (!Number.isFinite(y[near])) continue;
      sum += y[near];
      count += 1;
    }
    out[at] = Number.isFinite(y[at]) ? sum / count : y[at];
  }
  return out;
}
