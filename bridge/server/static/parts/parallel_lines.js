/** The picture of the lines of parallel coordinates: strokes for few runs, a density for many. */

import { neutral, viridis } from "../lib/colour.js";
import { Density } from "../lib/density.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */

const FEW = 400; // runs that are drawn as strokes
const NO_VALUE = 12; // pixels below the axis, where runs without a value pass

/**
 * @typedef {object} Layout
 * @property {number} width
 * @property {number} height
 * @property {number[]} xs the place of each axis
 * @property {{top: number, height: number}} scale
 * @property {Axis[]} axes
 * @property {number} rows
 * @property {Axis | null} tint
 * @property {(row: number) => string} colourOf
 * @property {boolean} dark
 */

export class LinesPicture {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Layout} layout
   */
  constructor(canvas, layout) {
    this.layout = layout;
    const { width, height, axes, scale, rows } = layout;
    this.sharp = rows <= FEW ? Math.min(2, globalThis.devicePixelRatio || 1) : 1;
    canvas.width = width * this.sharp;
    canvas.height = height * this.sharp;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const none = scale.top + scale.height + NO_VALUE;
    this.ys = axes.map((axis) =>
      axis.positions.map((t) => (Number.isNaN(t) ? none : scale.top + (1 - t) * scale.height)));
    this.before = /** @type {Uint8Array | null} */ (null);
    if (rows > FEW) this.#prepare();
  }

  #prepare() {
    const { width, height, xs, rows, tint, dark } = this.layout;
    this.palette = new Uint8Array(768);
    for (let i = 0; i < 256; i++) {
      // The ends of viridis that come close to the ground are left out.
      const colour = viridis(dark ? 0.25 + (0.75 * i) / 255 : (0.9 * i) / 255);
      for (let part = 0; part < 3; part++) this.palette[3 * i + part] = parseInt(colour.slice(1 + 2 * part, 3 + 2 * part), 16);
    }
    const tints = (this.tints = new Uint8Array(rows).fill(90));
    tint?.positions.forEach((t, row) => { tints[row] = Number.isNaN(t) ? 90 : 255 * t; });
    this.density = new Density(width, height);
    this.pixels = this.context.createImageData(width, height);
    // The runs outside of the ranges: the shape of all runs, in grey.
    const all = new Density(width, height);
    all.add(xs, this.ys, Uint32Array.from({ length: rows }, (_, i) => i), 1, this.tints);
    const grey = new Uint8Array(768).fill(dark ? 120 : 140);
    const back = this.context.createImageData(width, height);
    all.paint(back.data, grey, Math.min(0.3, 30 / rows));
    this.back = document.createElement("canvas");
    this.back.width = width;
    this.back.height = height;
    this.back.getContext("2d")?.putImageData(back, 0, 0);
    this.front = document.createElement("canvas");
    this.front.width = width;
    this.front.height = height;
  }

  /**
   * Draw the lines of the runs that are inside, above the others.
   * @param {Uint8Array} inside 1 for each run inside of the ranges
   * @param {number} [hover] the run under the pointer
   */
  draw(inside, hover = -1) {
    const { context, layout, sharp } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, layout.width * sharp, layout.height * sharp);
    if (this.density) this.#drawMany(inside);
    else this.#drawFew(inside);
    if (hover >= 0 && hover < layout.rows) {
      context.setTransform(sharp, 0, 0, sharp, 0, 0);
      this.#stroke(hover, neutral(layout.dark).panel, 6, 0.9);
      this.#stroke(hover, this.density ? neutral(layout.dark).ink : layout.colourOf(hover), 2.5, 1);
    }
  }

  /** @param {Uint8Array} inside */
  #drawMany(inside) {
    const { density, layout, before, pixels, front, back, palette, tints } = this;
    if (!density || !pixels || !front || !back || !palette || !tints) return;
    const { rows, xs } = layout;
    const entering = new Uint32Array(rows), leaving = new Uint32Array(rows);
    let ins = 0, outs = 0, kept = 0;
    for (let row = 0; row < rows; row++) {
      const is = inside[row], was = before ? before[row] : 0;
      kept += is;
      if (is > was) entering[ins++] = row;
      else if (was > is) leaving[outs++] = row;
    }
    if (ins + outs > 0 || !before) {
      if (ins + outs > kept) { // drawing again costs less
        density.clear();
        let all = 0;
        for (let row = 0; row < rows; row++) if (inside[row]) entering[all++] = row;
        density.add(xs, this.ys, entering.subarray(0, all), 1, tints);
      } else {
        density.add(xs, this.ys, leaving.subarray(0, outs), -1, tints);
        density.add(xs, this.ys, entering.subarray(0, ins), 1, tints);
      }
      density.paint(pixels.data, palette, Math.min(0.9, Math.max(0.03, 60 / Math.max(1, kept))));
      front.getContext("2d")?.putImageData(pixels, 0, 0);
      this.before = inside.slice();
    }
    this.context.globalAlpha = kept < rows ? 1 : 0;
    this.context.drawImage(back, 0, 0);
    this.context.globalAlpha = 1;
    this.context.drawImage(front, 0, 0);
  }

  /** @param {Uint8Array} inside */
  #drawFew(inside) {
    const { context, layout, sharp } = this;
    context.setTransform(sharp, 0, 0, sharp, 0, 0);
    const grey = neutral(layout.dark).faint;
    for (let row = 0; row < layout.rows; row++) if (!inside[row]) this.#stroke(row, grey, 1, 0.8);
    const width = layout.rows > 100 ? 1 : 1.5;
    for (let row = 0; row < layout.rows; row++) if (inside[row]) this.#stroke(row, layout.colourOf(row), width, 0.85);
  }

  /**
   * @param {number} row
   * @param {string} colour
   * @param {number} width
   * @param {number} opacity
   */
  #stroke(row, colour, width, opacity) {
    const { context, layout: { xs }, ys } = this;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.globalAlpha = opacity;
    context.lineJoin = "round";
    context.beginPath();
    xs.forEach((x, axis) => context.lineTo(x, ys[axis][row]));
    context.stroke();
    context.globalAlpha = 1;
  }

  /**
   * Return the run whose line is nearest to a place, or -1 if none is near.
   * @param {number} x
   * @param {number} y
   * @param {Uint8Array} inside only these runs are found
   */
  rowAt(x, y, inside) {
    const { xs, rows } = this.layout;
    const next = xs.findIndex((at) => at >= x);
    if (next < 1) return -1;
    const share = (x - xs[next - 1]) / (xs[next] - xs[next - 1]);
    const from = this.ys[next - 1], to = this.ys[next];
    let best = -1, least = 8;
    for (let row = 0; row < rows; row++) {
      if (!inside[row]) continue;
      const away = Math.abs(from[row] + share * (to[row] - from[row]) - y);
      if (away < least) { least = away; best = row; }
    }
    return best;
  }
}
