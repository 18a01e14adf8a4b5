/** The bands of lines: the extremes of buckets, and the deviation of groups. */

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {import("./lines_draw.js").Plane} Plane */

/**
 * @param {Line} line
 * @param {[number, number]} range
 * @returns {[number, number]} the places from the one before the range to the one behind it
 */
export function visible(line, range) {
  const { x, n } = line;
  if (n <= 64) return [0, n];
  return [Math.max(0, firstOf(x, n, range[0], false) - 1), Math.min(n, firstOf(x, n, range[1], true) + 1)];
}

/**
 * Return the first of `n` places in order whose x is not less than a limit, or with `beyond` the first that is greater.
 * @param {Float64Array} x
 * @param {number} n
 * @param {number} limit
 * @param {boolean} beyond
 */
function firstOf(x, n, limit, beyond) {
  let low = 0;
  let high = n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (beyond ? x[middle] <= limit : x[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Draw the range of each bucket as a rectangle. For 50 lines of 500 buckets this takes 16 ms, and polygons 395 ms.
 *
 * Buckets in one column are one rectangle, which has the extremes of all of them.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Float64Array} low
 * @param {Float64Array} high
 * @param {Plane} plane
 * @param {number} column the width of a column, in pixels
 */
export function fillBuckets(context, line, low, high, plane, column = 1) {
  const { box } = plane;
  const [above, below] = [box.top - 9, box.top + box.height + 9];
  const [first, last] = visible(line, plane.from === undefined ? plane.range : [plane.from, plane.range[1]]);
  const half = line.width / 2;
  const snap = (/** @type {number} */ x) => Math.round(plane.x(x) / column) * column;
  let [left, right, top, bottom] = [NaN, NaN, Infinity, -Infinity];
  for (let at = first; at < last; at++) {
    if (low[at] !== low[at] || high[at] !== high[at] || (line.count && !line.count[at])) continue;
    const start = snap(line.x[at] - half);
    if (start !== left) {
      if (top <= bottom) context.fillRect(left, top, right - left, Math.max(1, bottom - top));
      [left, right, top, bottom] = [start, start + column, Infinity, -Infinity];
    }
    right = Math.max(right, snap(line.x[at] + half));
    const [ceiling, ground] = [plane.y(high[at]), plane.y(low[at])];
    top = Math.min(top, Math.round(ceiling !== ceiling ? box.top : Math.min(below, Math.max(above, ceiling))));
    bottom = Math.max(bottom, Math.round(ground !== ground ? box.top + box.height : Math.min(below, Math.max(above, ground))));
  }
  if (top <= bottom) context.fillRect(left, top, right - left, Math.max(1, bottom - top));
}

/**
 * @param {Line} line
 * @param {Float64Array} low
 * @param {Float64Array} high
 * @param {Plane} plane
 */
export function bandPath(line, low, high, plane) {
  const path = new Path2D();
  const { count } = line;
  const { box } = plane;
  const clamp = (/** @type {number} */ value, /** @type {number} */ otherwise) =>
    value !== value ? otherwise : Math.min(box.top + box.height + 9, Math.max(box.top - 9, value));
  const [first, last] = visible(line, plane.range);
  /** @type {number[]} */
  let stretch = [];
  const close = () => {
    for (let at = 0; at < stretch.length; at++) {
      const place = stretch[at];
      const top = clamp(plane.y(high[place]), box.top);
      if (at) path.lineTo(plane.x(line.x[place]), top);
      else path.moveTo(plane.x(line.x[place]), top);
    }
    for (let at = stretch.length - 1; at >= 0; at--) {
      path.lineTo(plane.x(line.x[stretch[at]]), clamp(plane.y(low[stretch[at]]), box.top + box.height));
    }
    if (stretch.length) path.closePath();
    stretch = [];
  };
  for (let at = first; at < last; at++) {
    if (count && !count[at]) continue;
    if (Number.isNaN(low[at]) || Number.isNaN(high[at])) close();
    else stretch.push(at);
  }
  close();
  return path;
}
