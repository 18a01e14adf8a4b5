/** The drawing of lines on a canvas: the band of each line, the line, and marks for values that are not numbers. */

import { bandPath, fillBuckets, visible } from "./lines_bands.js";

/** @typedef {import("./lines_data.js").Line} Line */

/**
 * The place of a chart's axes on the canvas, in its pixels.
 * @typedef {object} Plane
 * @property {(x: number) => number} x
 * @property {(y: number) => number} y
 * @property {{ left: number, top: number, width: number, height: number }} box
 * @property {number} ratio pixels of the canvas for each pixel of the page
 * @property {[number, number]} range the visible x
 * @property {number} [from] the x from which lines are drawn, if only their ends are drawn again
 */

/**
 * With more lines, each is one pixel wide. Without a GPU, 50 lines of 500 buckets take 9 ms then, and 231 ms if they are
 * a little wider. Their faint bands have columns of two pixels.
 */
const MANY = 6;

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
    if (line.group) context.fill(bandPath(line, line.low, line.high, plane));
    else fillBuckets(context, line, line.low, line.high, plane, lines.length > MANY ? Math.ceil(2 * ratio) : 1);
  }
  context.lineWidth = lines.length > MANY ? Math.floor(ratio) : 1.5 * ratio;
  for (const line of lines) {
    if (line.dots) {
      drawDots(context, line, plane, 2.5);
      continue;
    }
    const smooth = smoothed(line);
    context.strokeStyle = line.colour;
    context.setLineDash(line.dash.map((length) => length * ratio));
    context.lineDashOffset = plane.from !== undefined && line.dash.length ? lengthBefore(line, plane) : 0;
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
  if (line.dots) {
    drawDots(context, line, plane, 4.5);
    return context.restore();
  }
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
  const [first, last] = drawnPart(line, plane);
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

/** The places of a line that are drawn. @param {Line} line @param {Plane} plane */
const drawnPart = (line, { range, from }) => visible(line, from === undefined ? range : [from, range[1]]);

/** The length of a line before the part that is drawn, so that its dashes stay. @param {Line} line @param {Plane} plane */
function lengthBefore(line, plane) {
  const [first] = visible(line, plane.range);
  const [last] = drawnPart(line, plane);
  let length = 0;
  let left = NaN;
  let top = NaN;
  for (let at = first; at <= last; at++) {
    if (line.count && !line.count[at]) continue;
    const x = plane.x(line.x[at]);
    const y = plane.y(line.y[at]);
    const step = Math.sqrt((x - left) ** 2 + (y - top) ** 2); // ten times as fast as `Math.hypot`
    length = Number.isFinite(step) ? length + step : 0;
    left = x;
    top = y;
  }
  return length;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Plane} plane
 * @param {number} radius
 */
function drawDots(context, line, plane, radius) {
  const [first, last] = visible(line, plane.range);
  context.fillStyle = line.colour;
  context.globalAlpha = 0.8;
  context.beginPath();
  for (let at = first; at < last; at++) {
    const [left, top] = [plane.x(line.x[at]), plane.y(line.y[at])];
    if ((line.count && !line.count[at]) || !Number.isFinite(left) || !Number.isFinite(top)) continue;
    context.moveTo(left + radius * plane.ratio, top);
    context.arc(left, top, radius * plane.ratio, 0, 2 * Math.PI);
  }
  context.fill();
  context.globalAlpha = 1;
}

/**
 * A point between two breaks has no line, so it is drawn as a dot.
 * @param {CanvasRenderingContext2D} context
 * @param {Line} line
 * @param {Plane} plane
 */
function drawLonely(context, line, plane) {
  const [first, last] = drawnPart(line, plane);
  const [start, end] = visible(line, plane.range);
  const few = end - start <= 40 && line.exact;
  const whole = line.nans === 0 && line.infinities === 0 && end - start > 1;
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
  const [first, last] = drawnPart(line, plane);
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
