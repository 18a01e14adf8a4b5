/** The bands of lines: the extremes of buckets, and the deviation of groups. */

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {import("./lines_draw.js").Plane} Plane */

/**
 * @param {Line} line
 * @param {[number, number]} range
 * @returns {[number, number]} the places from the one before the range to the one behind it
 */
export function visible(line, range) {
  let first = 0;
  let last = line.n;
  if (line.n > 64) {
    while (first + 1 < line.n && line.x[first + 1] < range[0]) first++;
    while (last > 1 && line.x[last - 2] > range[1]) last--;
  }
  return [first, last];
}

/**
 * Draw the range of each bucket as a rectangle. For 50 lines of 500 buckets this takes 16 ms, and polygons 395 ms.
 *
 * Buckets in one column of pixels are one rectangle, which has the extremes of all of them.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Float64Array} low
 * @param {Float64Array} high
 * @param {Plane} plane
 */
export function fillBuckets(context, line, low, high, plane) {
  const { box } = plane;
  const edge = (/** @type {number} */ y, /** @type {number} */ least) => Math.min(box.top + box.height + 9, Math.max(box.top - 9, Number.isNaN(y) ? least : y));
  const [first, last] = visible(line, plane.range);
  let [left, top, bottom] = [NaN, Infinity, -Infinity];
  for (let at = first; at < last; at++) {
    if (Number.isNaN(low[at]) || Number.isNaN(high[at]) || (line.count && !line.count[at])) continue;
    const start = Math.round(plane.x(line.x[at] - line.width / 2));
    if (start > left && top <= bottom) {
      context.fillRect(left, top, 1, Math.max(1, bottom - top));
      [top, bottom] = [Infinity, -Infinity];
    }
    left = start;
    top = Math.min(top, Math.round(edge(plane.y(high[at]), box.top)));
    bottom = Math.max(bottom, Math.round(edge(plane.y(low[at]), box.top + box.height)));
    const width = Math.round(plane.x(line.x[at] + line.width / 2)) - start;
    if (width < 1) continue;
    context.fillRect(left, top, width, Math.max(1, bottom - top));
    [top, bottom] = [Infinity, -Infinity];
  }
  if (top <= bottom) context.fillRect(left, top, 1, Math.max(1, bottom - top));
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
