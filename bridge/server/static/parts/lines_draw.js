/** The drawing of lines on a canvas: the band of each line, the line, and marks for values that are not numbers. */

/** @typedef {import("./lines_data.js").Line} Line */

/**
 * The place of a chart's axes on the canvas, in its pixels.
 * @typedef {object} Plane
 * @property {(x: number) => number} x
 * @property {(y: number) => number} y
 * @property {{ left: number, top: number, width: number, height: number }} box
 * @property {number} ratio pixels of the canvas for each pixel of the page
 * @property {[number, number]} range the visible x
 */

/**
 * Draw all lines: first all bands, so that no band covers a line.
 * @param {CanvasRenderingContext2D} context
 * @param {Line[]} lines
 * @param {Plane} plane
 * @param {(line: Line) => Float64Array | null} smoothed the smoothed values of a line; null if it is drawn as it is
 */
export function drawLines(context, lines, plane, smoothed) {
  const { box, ratio } = plane;
  context.save();
  context.beginPath();
  // The first and the last point are whole.
  context.rect(box.left - 4 * ratio, box.top, box.width + 8 * ratio, box.height);
  context.clip();
  context.lineJoin = "round";
  const strength = lines.length <= 3 ? 0.22 : lines.length <= 12 ? 0.14 : 0.08;
  for (const line of lines) {
    if (!line.low || !line.high) continue;
    context.fillStyle = line.colour;
    context.globalAlpha = strength;
    context.fill(bandPath(line, line.low, line.high, plane));
  }
  context.lineWidth = (lines.length > 25 ? 1.15 : 1.5) * ratio;
  for (const line of lines) {
    const smooth = smoothed(line);
    context.strokeStyle = line.colour;
    context.setLineDash(line.dash.map((length) => length * ratio));
    if (smooth) {
      context.globalAlpha = 0.25;
      context.stroke(linePath(line, line.y, plane, new Path2D()));
    }
    context.globalAlpha = 1;
    context.stroke(linePath(line, smooth || line.y, plane, new Path2D()));
    drawLonely(context, line, plane);
    if (line.nans || line.infinities) drawMarks(context, line, plane);
  }
  context.restore();
}

/**
 * Draw one line thick, over a halo.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Plane} plane
 * @param {Float64Array | null} smooth
 * @param {string} halo
 */
export function drawThick(context, line, plane, smooth, halo) {
  const { box, ratio } = plane;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.width, box.height);
  context.clip();
  context.lineJoin = "round";
  const path = linePath(line, smooth || line.y, plane, new Path2D());
  context.strokeStyle = halo;
  context.lineWidth = 6 * ratio;
  context.globalAlpha = 0.8;
  context.stroke(path);
  context.globalAlpha = 1;
  context.strokeStyle = line.colour;
  context.setLineDash(line.dash.map((length) => length * ratio));
  context.lineWidth = 3 * ratio;
  context.stroke(path);
  context.restore();
}

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
 * Draw the values of a line into a path, and return it.
 * @template {{ moveTo: (x: number, y: number) => void, lineTo: (x: number, y: number) => void }} Path
 * @param {Line} line
 * @param {Float64Array} y
 * @param {Plane} plane
 * @param {Path} path
 * @returns {Path}
 */
export function linePath(line, y, plane, path) {
  const { count } = line;
  const [first, last] = visible(line, plane.range);
  let pen = false;
  for (let at = first; at < last; at++) {
    if (count && !count[at]) continue;
    const top = plane.y(y[at]);
    if (top !== top || top === Infinity || top === -Infinity || !Number.isFinite(line.y[at])) {
      pen = false;
      continue;
    }
    const left = plane.x(line.x[at]);
    if (pen) path.lineTo(left, top);
    else path.moveTo(left, top);
    pen = true;
  }
  return path;
}

/**
 * @param {Line} line
 * @param {Float64Array} low
 * @param {Float64Array} high
 * @param {Plane} plane
 */
function bandPath(line, low, high, plane) {
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

/**
 * A point between two breaks has no line, so it is drawn as a dot.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Plane} plane
 */
function drawLonely(context, line, plane) {
  const [first, last] = visible(line, plane.range);
  const few = last - first <= 40 && line.exact;
  const whole = line.nans === 0 && line.infinities === 0 && last - first > 1;
  if (whole && !few) return;
  context.fillStyle = line.colour;
  for (let at = first; at < last; at++) {
    if (!Number.isFinite(line.y[at])) continue;
    const joined = (at > first && Number.isFinite(line.y[at - 1])) || (at + 1 < last && Number.isFinite(line.y[at + 1]));
    if (joined && !few) continue;
    const top = plane.y(line.y[at]);
    if (!Number.isFinite(top)) continue;
    context.beginPath();
    context.arc(plane.x(line.x[at]), top, (joined ? 2 : 3) * plane.ratio, 0, 2 * Math.PI);
    context.fill();
  }
}

/**
 * NaN is a cross at the lower edge; infinities are triangles at the edges to which they point.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Plane} plane
 */
function drawMarks(context, line, plane) {
  const { box, ratio } = plane;
  const size = 4 * ratio;
  const bottom = box.top + box.height - size - ratio;
  context.setLineDash([]);
  context.fillStyle = context.strokeStyle = line.colour;
  const [first, last] = visible(line, plane.range);
  for (let at = first; at < last; at++) {
    if (line.count && !line.count[at]) continue;
    const left = plane.x(line.x[at]);
    const high = line.high ? line.high[at] : line.y[at];
    const low = line.low ? line.low[at] : line.y[at];
    if (high === Infinity) triangle(context, left, box.top + ratio, size, 1);
    if (low === -Infinity) triangle(context, left, box.top + box.height - ratio, size, -1);
    if (Number.isNaN(line.y[at]) && Number.isNaN(high)) {
      context.beginPath();
      context.moveTo(left - size, bottom - size);
      context.lineTo(left + size, bottom + size);
      context.moveTo(left + size, bottom - size);
      context.lineTo(left - size, bottom + size);
      context.stroke();
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} left
 * @param {number} tip
 * @param {number} size
 * @param {1 | -1} way
 */
function triangle(context, left, tip, size, way) {
  context.beginPath();
  context.moveTo(left, tip);
  context.lineTo(left - size, tip + 1.8 * size * way);
  context.lineTo(left + size, tip + 1.8 * size * way);
  context.fill();
}
