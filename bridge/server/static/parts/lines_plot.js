/** One plot of lines: lines_frame.js draws the axes and finds what one drags over, lines_draw.js draws the lines. */

import { DURATIONS, spaced, timeTicks } from "../lib/axis_ticks.js";
import { duration, number } from "../lib/format.js";
import { logTicks } from "../lib/scale.js";
import { drawLines, drawThick } from "./lines_draw.js";
import { extentOf, rangeOf } from "./lines_extent.js";
import { LinesFrame } from "./lines_frame.js";
import { inkOf } from "./theme.js";

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {import("./lines_draw.js").Plane} Plane */
/** @typedef {import("./lines_extent.js").Extent} Extent */

/**
 * @typedef {object} PlotOptions
 * @property {number} width
 * @property {number} height
 * @property {string} x the axis of x, as in the address
 * @property {boolean} log
 * @property {boolean} logX
 * @property {boolean} clip
 * @property {[number, number] | null} range the zoom
 * @property {(line: Line) => Float64Array | null} smoothed
 * @property {(low: number, high: number) => void} onZoom
 * @property {() => void} onReset
 */

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

/** A plot below `parent`. It keeps its axes and canvases while the lines change. */
export class LinePlot {
  /**
   * @param {HTMLElement} parent
   * @param {Line[]} lines
   * @param {PlotOptions} options
   */
  constructor(parent, lines, options) {
    this.parent = parent;
    this.lines = lines;
    this.options = options;
    /** @type {Extent} */
    this.extent = { low: 0, high: 1, above: 0, below: 0, lost: 0, atLeast: false };
    /** @type {[number, number]} */
    this.range = [0, 1];
    /** @type {string | null} */
    this.thick = null;
    this.measure();
    this.frame = new LinesFrame(parent, {
      onDrag: (low, high) => this.dragged(low, high),
      onReset: () => this.options.onReset(),
    });
    this.over = document.createElement("canvas");
    this.over.className = "lines-over";
    this.frame.area.before(this.over);
    this.draw();
  }

  measure() {
    const { range, log, clip, logX } = this.options;
    this.range = range && !(logX && range[0] <= 0) ? range : rangeOf(this.lines, logX);
    this.extent = extentOf(this.lines, this.range[0], this.range[1], { log, clip });
  }

  /**
   * Show other lines or another range.
   * @param {Line[]} lines
   * @param {PlotOptions} options
   */
  update(lines, options) {
    this.lines = lines;
    this.options = options;
    this.measure();
    this.repaint();
  }

  /** Draw again with the colours of now. */
  repaint() {
    this.draw();
    this.drawOver();
  }

  /** @returns {Plane} */
  get plane() {
    const ratio = devicePixelRatio || 1;
    const { box } = this.frame;
    const [left, top, width, height] = [box.left, box.top, box.width, box.height].map((size) => size * ratio);
    const { log, logX } = this.options;
    const { low, high } = this.extent;
    const [first, last] = this.range;
    const up = log ? Math.log : (/** @type {number} */ y) => y;
    const along = logX ? Math.log : (/** @type {number} */ x) => x;
    const yScale = height / (up(high) - up(low));
    const xScale = width / (along(last) - along(first));
    return {
      box: { left, top, width, height },
      ratio,
      range: this.range,
      x: logX ? (x) => left + (Math.log(x) - along(first)) * xScale : (x) => left + (x - first) * xScale,
      y: log ? (y) => top + height - (Math.log(y) - up(low)) * yScale : (y) => top + height - (y - low) * yScale,
    };
  }

  draw() {
    const { width, height, x, log, logX } = this.options;
    const [first, last] = this.range;
    const { low, high } = this.extent;
    this.frame.draw(
      width,
      height,
      { ticks: (room) => xTicks(first, last, Math.floor(room / X_SPACE), x, logX), place: part(first, last, logX) },
      { ticks: (room) => yTicks(low, high, Math.floor(room / Y_SPACE), log), place: part(low, high, log) },
    );
    if (this.frame.box.width <= 0) return;
    drawLines(this.frame.context, this.lines, this.plane, this.options.smoothed);
  }

  /**
   * Draw one run thick, or none.
   * @param {string | null} id
   */
  highlight(id) {
    if (id === this.thick) return;
    this.thick = id;
    this.drawOver();
  }

  drawOver() {
    const { over } = this;
    const line = this.thick ? this.lines.find((candidate) => candidate.id === this.thick) : undefined;
    if (!line) {
      over.hidden = true;
      return;
    }
    const below = this.frame.canvas;
    if (over.width !== below.width || over.height !== below.height) {
      over.width = below.width;
      over.height = below.height;
    }
    over.hidden = false;
    const context = /** @type {CanvasRenderingContext2D} */ (over.getContext("2d"));
    context.clearRect(0, 0, over.width, over.height);
    drawThick(context, line, this.plane, this.options.smoothed(line), inkOf("--panel", this.parent));
  }

  /** @param {number} left @param {number} right */
  dragged(left, right) {
    const [low, high] = [this.xAt(left), this.xAt(right)];
    if (high > low) this.options.onZoom(low, high);
  }

  /**
   * The x at a place in pixels of the page from the left of the plot.
   * @param {number} left
   */
  xAt(left) {
    const [first, last] = this.range;
    const share = left / this.frame.box.width;
    return this.options.logX ? first * (last / first) ** share : first + (last - first) * share;
  }

  /**
   * Move the crosshair to an x, or away.
   * @param {number | null} x
   */
  cross(x) {
    this.frame.moveCross(x === null ? null : part(...this.range, this.options.logX)(x) * this.frame.box.width);
  }

  destroy() {
    this.frame.destroy();
  }
}

/**
 * Return a function from values to parts of an axis, from 0 to 1.
 * @param {number} low
 * @param {number} high
 * @param {boolean} log
 */
function part(low, high, log) {
  const along = log ? Math.log : (/** @type {number} */ value) => value;
  return (/** @type {number} */ value) => (along(value) - along(low)) / (along(high) - along(low));
}

/**
 * @param {number} low @param {number} high @param {number} most @param {string} x @param {boolean} log
 * @returns {[number, string][]}
 */
function xTicks(low, high, most, x, log) {
  if (x === "time" && !log) return timeTicks(low, high, most);
  const sizes = x === "relative" ? DURATIONS : [];
  const values = log ? logTicks(low, high, most) : spaced(low, high, most, { sizes, whole: x === "step" });
  return values.map((value) => [value, x === "relative" ? `${value < 0 ? "−" : ""}${duration(Math.abs(value))}` : short(value)]);
}

/** @param {number} low @param {number} high @param {number} most @param {boolean} log @returns {[number, string][]} */
function yTicks(low, high, most, log) {
  const values = log ? logTicks(low, high, most) : spaced(low, high, most);
  return values.map((value) => [value, short(Number(value.toPrecision(12)))]);
}
