/** One plot of lines: lines_frame.js draws the axes and finds what one drags over, lines_draw.js draws the lines. */

import { drawLines, drawThick } from "./lines_draw.js";
import { extentOf, rangeOf } from "./lines_extent.js";
import { LinesFrame } from "./lines_frame.js";
import { firstChange, grown, sizesOf } from "./lines_growth.js";
import { part, xTicks, yTicks } from "./lines_ticks.js";
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

/** Pixels beside a point that its mark may cover. */
const EDGE = 8;

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
    /** @type {import("./lines_growth.js").Drawn | null} */
    this.drawn = null;
    /** How often only the ends of the lines were drawn. */
    this.ends = 0;
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
    if (!this.drawEnds()) this.draw();
    this.drawOver();
  }

  /** Everything that the picture depends on, but the lines and the ranges. */
  get form() {
    const { width, height, x, log, logX, clip, range } = this.options;
    const smooth = this.lines.some((line) => this.options.smoothed(line));
    return JSON.stringify([width, height, x, log, logX, clip, range, smooth, devicePixelRatio]);
  }

  /** Keep the ranges while lines grow, and draw only what is new. Return whether that was enough. */
  drawEnds() {
    const { drawn: before, lines } = this;
    const { logX, clip, smoothed } = this.options;
    if (!before || logX || clip || lines.some((line) => smoothed(line))) return false;
    const natural = this.range;
    const next = grown(before, { form: this.form, natural, extent: this.extent }, lines);
    if (!next) return false;
    if (!this.options.range) this.range = next.range;
    this.extent = next.extent;
    const same = this.range[1] === before.range[1] && this.extent.low === before.extent.low && this.extent.high === before.extent.high;
    const { plane } = this;
    const left = Math.floor(plane.x(firstChange(before))) - EDGE * plane.ratio;
    if (!same || !(left > plane.box.left + plane.box.width / 2)) {
      this.draw(natural);
      return true;
    }
    const scale = (this.range[1] - this.range[0]) / plane.box.width;
    this.frame.redrawFrom(left, ...this.axes, () =>
      drawLines(this.frame.context, lines, { ...plane, from: this.range[0] + (left - EDGE * plane.ratio - plane.box.left) * scale }, smoothed),
    );
    this.drawn = { ...before, natural, lines: sizesOf(lines) };
    this.ends++;
    return true;
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

  /** @returns {[import("./lines_frame.js").Axis, import("./lines_frame.js").Axis]} */
  get axes() {
    const { x, log, logX } = this.options;
    const [first, last] = this.range;
    const { low, high } = this.extent;
    return [
      { ticks: (room) => xTicks(first, last, room, x, logX), place: part(first, last, logX) },
      { ticks: (room) => yTicks(low, high, room, log), place: part(low, high, log) },
    ];
  }

  /** Draw everything. @param {[number, number]} natural the range of the points, if the axis has room for more */
  draw(natural = this.range) {
    const { width, height } = this.options;
    this.frame.draw(width, height, ...this.axes);
    this.drawn = { form: this.form, lines: sizesOf(this.lines), natural, range: this.range, extent: this.extent };
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
      if (!over.hidden) over.hidden = true; // setting it again would cost a new style
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
