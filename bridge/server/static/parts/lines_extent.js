/** The range of y of a chart, and how many points it does not show. */

/** @typedef {import("./lines_data.js").Line} Line */

/** How many times larger the range with outliers must be, so that they are left out. */
const WORTH = 1.5;

/**
 * @typedef {object} Extent
 * @property {number} low
 * @property {number} high
 * @property {number} above points above the range; of buckets, at least one point each
 * @property {number} below
 * @property {number} lost points that a logarithmic axis cannot show
 * @property {boolean} atLeast the numbers count buckets, so that there may be more points
 */

/**
 * Return the range of y that shows all values of x from `low` to `high`.
 *
 * With `clip` it goes from the 1st to the 99th percentile of what is shown, but at least to each line's median, so that
 * no line is outside. With `log` only values above 0 count.
 * @param {Line[]} lines
 * @param {number} low
 * @param {number} high
 * @param {{ log: boolean, clip: boolean }} options
 * @returns {Extent}
 */
export function extentOf(lines, low, high, { log, clip }) {
  let least = Infinity;
  let greatest = -Infinity;
  let lost = 0;
  let atLeast = false;
  const floor = log ? 0 : -Infinity;
  for (const line of lines) {
    if (!line.exact) atLeast = true;
    for (let at = 0; at < line.n; at++) {
      if (line.x[at] < low || line.x[at] > high) continue;
      const bottom = line.low ? line.low[at] : line.y[at];
      const top = line.high ? line.high[at] : line.y[at];
      if (log && (line.group ? line.y[at] : bottom) <= 0) lost++;
      // No array of the three: this loop runs for each point of each chart.
      const middle = line.y[at];
      if (bottom < least && bottom > floor) least = bottom;
      if (top < least && top > floor) least = top;
      if (middle < least && middle > floor) least = middle;
      if (top > greatest && top < Infinity && top > floor) greatest = top;
      if (middle > greatest && middle < Infinity && middle > floor) greatest = middle;
      if (bottom > greatest && bottom < Infinity && bottom > floor) greatest = bottom;
    }
  }
  /** @type {Extent} */
  const extent = { low: least, high: greatest, above: 0, below: 0, lost, atLeast };
  if (least > greatest) return { ...extent, low: log ? 0.1 : 0, high: 1 };
  if (clip) clipTo(extent, lines, low, high, log);
  return padded(extent, log);
}

/**
 * @param {Extent} extent
 * @param {Line[]} lines
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 */
function clipTo(extent, lines, low, high, log) {
  /** @type {number[]} */
  const all = [];
  let least = Infinity;
  let greatest = -Infinity;
  for (const line of lines) {
    const own = [];
    for (let at = 0; at < line.n; at++) {
      const value = line.y[at];
      if (line.x[at] >= low && line.x[at] <= high && Number.isFinite(value) && !(log && value <= 0)) own.push(value);
    }
    if (!own.length) continue;
    for (const value of own) all.push(value);
    const middle = Float64Array.from(own).sort()[own.length >> 1];
    least = Math.min(least, middle);
    greatest = Math.max(greatest, middle);
  }
  if (all.length < 10) return;
  const sorted = Float64Array.from(all).sort();
  const inner = { low: Math.min(least, sorted[Math.floor(sorted.length * 0.01)]), high: Math.max(greatest, sorted[Math.ceil(sorted.length * 0.99) - 1]) };
  // The start of a curve is no outlier: without a much smaller range, nothing is left out.
  const size = (/** @type {{ low: number, high: number }} */ part) => (log ? Math.log(part.high / part.low) : part.high - part.low);
  if (size(extent) <= WORTH * size(inner)) return;
  Object.assign(extent, inner);
  const { low: bottom, high: top } = padded(extent, log);
  for (const line of lines) {
    for (let at = 0; at < line.n; at++) {
      if (line.x[at] < low || line.x[at] > high) continue;
      if ((line.high ? line.high[at] : line.y[at]) > top) extent.above++;
      const under = line.low ? line.low[at] : line.y[at];
      if (under < bottom && !(log && under <= 0)) extent.below++;
    }
  }
}

/**
 * @param {Extent} extent
 * @param {boolean} log
 * @returns {Extent}
 */
function padded(extent, log) {
  const { low, high } = extent;
  if (log) {
    const room = low === high ? 1.5 : (high / low) ** 0.05;
    return { ...extent, low: low / room, high: high * room };
  }
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.05;
  return { ...extent, low: low - room, high: high + room };
}

/**
 * Return the range of x of all lines.
 * @param {Line[]} lines
 * @param {boolean} log
 * @returns {[number, number]}
 */
export function rangeOf(lines, log = false) {
  let low = Infinity;
  let high = -Infinity;
  for (const line of lines) {
    const half = line.width / 2;
    for (let at = 0; at < line.n; at++) {
      if (line.count && !line.count[at]) continue;
      const x = line.x[at];
      if (log && x <= 0) continue;
      if (x - half < low) low = log ? Math.max(x - half, x / 2) : x - half;
      if (x + half > high) high = x + half;
    }
  }
  if (low > high) return log ? [1, 10] : [0, 1];
  return low === high ? [low - (log ? low / 2 : 0.5), high + 0.5] : [low, high];
}
