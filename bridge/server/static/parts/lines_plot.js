/** One plot of lines: uPlot draws the axes and finds what one drags over, lines_draw.js draws the lines. */

import { duration, number } from "../lib/format.js";
import { logTicks } from "../lib/scale.js";
import { drawLines, drawThick } from "./lines_draw.js";
import { extentOf, rangeOf } from "./lines_extent.js";

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

const DURATIONS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5,
  108e5, 216e5, 432e5, 864e5, 1728e5, 6048e5, 26784e5, 315576e5,
];

/** Steps are whole numbers. */
const STEPS = Array.from({ length: 48 }, (_, at) => [1, 2, 5][at % 3] * 10 ** Math.floor(at / 3));

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

/** All ticks of a logarithmic axis have a label. @param {any} _ @param {number[]} splits */
const all = (_, splits) => splits;

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
    this.over = document.createElement("canvas");
    this.over.className = "lines-over";
    this.build();
  }

  /** What decides whether uPlot has to be made again. */
  get shape() {
    const { x, log, logX } = this.options;
    return `${x}|${log}|${logX}`;
  }

  build() {
    const { width, height, x, log, logX } = this.options;
    const style = getComputedStyle(this.parent);
    const font = `11px ${style.fontFamily}`;
    const colour = (/** @type {string} */ name) => getComputedStyle(this.parent).getPropertyValue(name).trim();
    const grid = { stroke: () => colour("--grid"), width: 1 };
    const axis = { stroke: () => colour("--soft"), font, grid, ticks: { show: false }, gap: 4 };
    const values = (/** @type {any} */ _, /** @type {(number | null)[]} */ ticks) =>
      ticks.map((tick) => (tick === null ? "" : x === "relative" ? duration(tick) : short(tick)));
    const labels = (/** @type {any} */ _, /** @type {(number | null)[]} */ ticks) =>
      ticks.map((tick) => (tick === null ? "" : short(Number(tick.toPrecision(12)))));
    const splits = (/** @type {any} */ _, /** @type {number} */ __, /** @type {number} */ low, /** @type {number} */ high) => logTicks(low, high);
    this.built = this.shape;
    this.plot?.destroy();
    /** @type {any} */
    const UPlot = /** @type {any} */ (globalThis).uPlot;
    this.plot = new UPlot(
      {
        width, height, ms: 1, legend: { show: false }, padding: [8, 10, 0, 0],
        cursor: {
          y: false, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 5 },
          bind: { dblclick: () => () => (this.options.onReset(), null) },
        },
        scales: {
          x: { time: x === "time", distr: logX ? 3 : 1, range: () => this.range },
          y: { distr: log ? 3 : 1, range: () => [this.extent.low, this.extent.high] },
        },
        axes: [
          { ...axis, size: 24, space: 60, ...(x === "time" ? {} : { values }), ...(x === "relative" ? { incrs: DURATIONS } : x === "step" ? { incrs: STEPS } : {}), ...(logX ? { splits, filter: all } : {}) },
          { ...axis, size: (/** @type {any} */ plot, /** @type {string[]} */ ticks) => axisWidth(plot, ticks), space: 28, values: labels, ...(log ? { splits, filter: all } : {}) },
        ],
        series: [{}, { show: true, paths: () => null, points: { show: false } }],
        hooks: {
          draw: [(/** @type {any} */ plot) => this.draw(plot)],
          setSelect: [(/** @type {any} */ plot) => this.selected(plot)],
        },
      },
      [[this.range[0], this.range[1]], [this.extent.low, this.extent.high]],
      this.parent,
    );
    this.plot.root.querySelector(".u-wrap").append(this.over);
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
    const { width, height } = this.options;
    this.lines = lines;
    this.options = options;
    this.measure();
    if (this.shape !== this.built) this.build();
    else {
      if (width !== options.width || height !== options.height) this.plot.setSize({ width: options.width, height: options.height });
      this.plot.setData([[this.range[0], this.range[1]], [this.extent.low, this.extent.high]]);
    }
    this.drawOver();
  }

  /** Draw again with the colours of now. */
  repaint() {
    this.plot.redraw(false, true);
    this.drawOver();
  }

  /** @returns {Plane} */
  get plane() {
    const { plot } = this;
    const { left, top, width, height } = plot.bbox;
    const { log, logX } = this.options;
    const { low, high } = this.extent;
    const [first, last] = this.range;
    const up = log ? Math.log : (/** @type {number} */ y) => y;
    const along = logX ? Math.log : (/** @type {number} */ x) => x;
    const yScale = height / (up(high) - up(low));
    const xScale = width / (along(last) - along(first));
    return {
      box: { left, top, width, height },
      ratio: devicePixelRatio || 1,
      range: this.range,
      x: logX ? (x) => left + (Math.log(x) - along(first)) * xScale : (x) => left + (x - first) * xScale,
      y: log ? (y) => top + height - (Math.log(y) - up(low)) * yScale : (y) => top + height - (y - low) * yScale,
    };
  }

  /** @param {any} plot */
  draw(plot) {
    if (plot.bbox.width <= 0) return;
    this.plot = plot;
    drawLines(plot.ctx, this.lines, this.plane, this.options.smoothed);
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
    const { over, plot } = this;
    const line = this.thick ? this.lines.find((candidate) => candidate.id === this.thick) : undefined;
    if (!line) {
      over.hidden = true;
      return;
    }
    const below = plot.ctx.canvas;
    if (over.width !== below.width || over.height !== below.height) {
      over.width = below.width;
      over.height = below.height;
    }
    over.hidden = false;
    const context = /** @type {CanvasRenderingContext2D} */ (over.getContext("2d"));
    context.clearRect(0, 0, over.width, over.height);
    const halo = getComputedStyle(this.parent).getPropertyValue("--panel").trim();
    drawThick(context, line, this.plane, this.options.smoothed(line), halo);
  }

  /** @param {any} plot */
  selected(plot) {
    const { left, width } = plot.select;
    if (width < 5) return;
    const low = this.xAt(left);
    const high = this.xAt(left + width);
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (high > low) this.options.onZoom(low, high);
  }

  /**
   * The x at a place in pixels of the page from the left of the plot.
   * @param {number} left
   */
  xAt(left) {
    return this.plot.posToVal(left, "x");
  }

  /**
   * Move the crosshair to an x, or away.
   * @param {number | null} x
   */
  cross(x) {
    const left = x === null ? -10 : this.plot.valToPos(x, "x");
    const inside = left >= 0 && left <= this.plot.bbox.width / (devicePixelRatio || 1);
    this.plot.setCursor({ left: inside ? left : -10, top: inside ? 0 : -10 }, false);
  }

  destroy() {
    this.plot.destroy();
  }
}

/**
 * @param {any} plot
 * @param {string[] | null} ticks
 */
function axisWidth(plot, ticks) {
  const longest = (ticks || []).reduce((most, tick) => (tick && tick.length > most.length ? tick : most), "");
  plot.ctx.save();
  plot.ctx.font = plot.axes[1].font[0];
  const width = plot.ctx.measureText(longest).width / (devicePixelRatio || 1);
  plot.ctx.restore();
  return Math.ceil(Math.max(24, width + 10));
}
