/** The drawing of a small chart: lines, points, bars, and the ground between two lines. */

import { spaced } from "../lib/axis_ticks.js";
import { number } from "../lib/format.js";
import { LinesFrame } from "./lines_frame.js";
import { inkOf } from "./theme.js";

/** @typedef {import("./plot.js").PlotProps} PlotProps */
/** @typedef {import("./plot.js").PlotLine} PlotLine */

/** The greatest number of points that are marked on their line. */
const FEW = 40;
const X_SPACE = 52;
const Y_SPACE = 28;

export class SmallPlot {
  /**
   * @param {HTMLElement} parent
   * @param {PlotProps} props
   * @param {(at: number | null) => void} onHover gets the place of the nearest x in the list
   */
  constructor(parent, props, onHover) {
    this.parent = parent;
    this.frame = new LinesFrame(parent, {});
    this.props = props;
    this.frame.area.addEventListener("pointermove", (event) => {
      const at = this.nearest(event.clientX - this.frame.area.getBoundingClientRect().left);
      this.frame.moveCross(at === null ? null : this.part(this.props.x[at]) * this.frame.box.width);
      onHover(at);
    });
    this.frame.area.addEventListener("pointerleave", () => {
      this.frame.moveCross(null);
      onHover(null);
    });
  }

  /** The x and the values of each line, as they are drawn. @returns {(number | null)[][]} */
  get data() {
    return [Array.from(this.props.x), ...this.props.lines.map(({ values }) => Array.from(values, (value) => value ?? null))];
  }

  /** @param {PlotProps} props */
  show(props) {
    this.props = props;
    this.draw();
  }

  draw() {
    const { props, frame } = this;
    const width = this.parent.clientWidth;
    if (!width) return;
    this.xRange = props.xRange ?? xRangeOf(props);
    const [low, high] = props.yRange ?? yRangeOf(props);
    const place = (/** @type {number} */ value) => (value - low) / (high - low);
    const texts = (/** @type {number} */ value) => /** @type {[number, string]} */ ([value, number(value)]);
    frame.draw(
      width,
      props.height ?? 220,
      { ticks: (room) => spaced(...this.ends, Math.floor(room / X_SPACE)).map(texts), place: (x) => this.part(x) },
      { ticks: (room) => spaced(low, high, Math.floor(room / Y_SPACE)).map(texts), place },
    );
    const ratio = devicePixelRatio || 1;
    const { context, box } = frame;
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.beginPath();
    context.rect(box.left - 4, box.top - 4, box.width + 8, box.height + 8);
    context.clip();
    /** @param {number} x */
    const left = (x) => box.left + this.part(x) * box.width;
    /** @param {number} y */
    const top = (y) => box.top + (1 - place(y)) * box.height;
    if (props.band) drawBand(context, props, left, top);
    for (const line of props.lines) drawLine(context, props, line, left, top);
    context.restore();
  }

  /** @returns {[number, number]} */
  get ends() {
    return this.xRange ?? [0, 1];
  }

  /** The part of the axis of x before a value. @param {number} x */
  part(x) {
    const [first, last] = this.ends;
    return (x - first) / (last - first);
  }

  /** The place in the list of the x that is the nearest to a place in pixels. @param {number} left */
  nearest(left) {
    const [first, last] = this.ends;
    const wanted = first + ((last - first) * left) / this.frame.box.width;
    let found = null;
    let least = Infinity;
    for (let at = 0; at < this.props.x.length; at++) {
      const distance = Math.abs(Number(this.props.x[at] ?? NaN) - wanted);
      if (distance < least) [least, found] = [distance, at];
    }
    return found;
  }

  destroy() {
    this.frame.destroy();
  }
}

/** @typedef {(value: number) => number} Place */

/** @param {Iterable<number | null | undefined> | ArrayLike<number | null>} values @returns {[number, number]} */
function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of Array.from(/** @type {ArrayLike<number | null>} */ (values))) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}

/** The width of a bar, on the axis of x. @param {ArrayLike<number | null>} x */
function barWidth(x) {
  let least = Infinity;
  for (let at = 1; at < x.length; at++) {
    const distance = Math.abs(Number(x[at]) - Number(x[at - 1]));
    if (distance > 0) least = Math.min(least, distance);
  }
  return Number.isFinite(least) ? least : 1;
}

/** @param {PlotProps} props @returns {[number, number]} */
function xRangeOf({ x, lines }) {
  const [low, high] = extent(x);
  const room = lines.some((line) => line.as === "bars") ? barWidth(x) / 2 : low === high ? Math.abs(low) / 2 || 1 : 0;
  return [low - room, high + room];
}

/** The range of y with room above and below; bars begin at 0. @param {PlotProps} props @returns {[number, number]} */
function yRangeOf({ lines }) {
  const ends = lines.map((line) => extent(line.values));
  const [low, high] = extent(ends.flat());
  if (lines.some((line) => line.as === "bars")) return [Math.min(0, low), Math.max(high * 1.05, 1)];
  const room = (high - low) * 0.08 || Math.abs(low) / 10 || 1;
  return [low >= 0 && low - room < 0 ? 0 : low - room, high <= 0 && high + room > 0 ? 0 : high + room];
}

/**
 * @param {CanvasRenderingContext2D} context @param {PlotProps} props @param {Place} left @param {Place} top
 */
function drawBand(context, { x, lines, band }, left, top) {
  const [below, above] = (band ?? []).map((at) => lines[at].values);
  context.beginPath();
  const places = Array.from(x, (_, at) => at).filter((at) => Number.isFinite(below[at] ?? NaN) && Number.isFinite(above[at] ?? NaN));
  for (const at of places) context.lineTo(left(x[at]), top(Number(above[at])));
  for (const at of places.reverse()) context.lineTo(left(x[at]), top(Number(below[at])));
  context.fillStyle = inkOf("--accent");
  context.globalAlpha = 0.2;
  context.fill();
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context @param {PlotProps} props @param {PlotLine} line
 * @param {Place} left @param {Place} top
 */
function drawLine(context, { x, lines }, line, left, top) {
  if (line.as === "hidden") return;
  const colour = inkOf(line.colour ?? "--accent");
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = line.as === "bars" || line.as === "points" ? 1 : (line.width ?? 1.5);
  context.setLineDash(line.dash ?? []);
  const wide = line.as === "bars" ? Math.min(80, (left(barWidth(x)) - left(0)) * 0.92) : 0;
  const marks = line.as === "points" || (line.as !== "bars" && x.length <= FEW && !line.bare);
  let pen = false;
  context.beginPath();
  for (let at = 0; at < x.length; at++) {
    const value = line.values[at] ?? NaN;
    const [across, down] = [left(x[at]), top(value)];
    if (!Number.isFinite(across + down)) {
      pen &&= line.spans ?? false;
      continue;
    }
    if (line.as === "bars") context.rect(across - wide / 2, down, wide, top(0) - down);
    else if (line.as !== "points" && pen) context.lineTo(across, down);
    else context.moveTo(across, down);
    pen = true;
  }
  if (line.as === "bars") {
    context.globalAlpha = 0.6;
    context.fill();
    context.globalAlpha = 1;
  }
  context.stroke();
  if (marks) drawMarks(context, x, line, left, top);
}

/**
 * @param {CanvasRenderingContext2D} context @param {ArrayLike<number>} x @param {PlotLine} line
 * @param {Place} left @param {Place} top
 */
function drawMarks(context, x, line, left, top) {
  context.beginPath();
  for (let at = 0; at < x.length; at++) {
    const [across, down] = [left(x[at]), top(line.values[at] ?? NaN)];
    if (!Number.isFinite(across + down)) continue;
    context.moveTo(across + 2.5, down);
    context.arc(across, down, 2.5, 0, 2 * Math.PI);
  }
  context.globalAlpha = line.as === "points" ? 0.6 : 1;
  context.fill();
  context.globalAlpha = 1;
  if (line.as === "points") context.stroke();
}
