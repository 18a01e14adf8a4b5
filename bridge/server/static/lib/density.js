/**
 * A picture of many thousand lines: how many lines cross each pixel, and the mean of their colours.
 *
 * Lines can be taken away again, so a change of the chosen lines costs as much as the lines that changed.
 * A stroke of 10,000 lines on a canvas without a graphics card takes several times as long.
 */

const FULL = 16; // the weight of a line on the pixels that it crosses, divided among two neighbours

export class Density {
  /**
   * @param {number} width in pixels
   * @param {number} height in pixels
   */
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.weight = new Int32Array(width * height);
    this.tint = new Int32Array(width * height);
    this.lines = 0;
  }

  /**
   * Add lines, or take them away.
   * @param {ArrayLike<number>} xs the column of pixels of each axis, ascending
   * @param {Float32Array[]} ys the row of pixels of each line, for each axis; NaN interrupts the line
   * @param {ArrayLike<number>} rows the lines
   * @param {1 | -1} sign
   * @param {Uint8Array} tints the colour of each line, 0 to 255
   */
  add(xs, ys, rows, sign, tints) {
    this.lines += sign * rows.length;
    for (let axis = 0; axis + 1 < xs.length; axis++) {
      const from = ys[axis], to = ys[axis + 1];
      for (let i = 0; i < rows.length; i++) {
        const row = rows[i];
        this.#segment(xs[axis], from[row], xs[axis + 1], to[row], sign, tints[row]);
      }
    }
  }

  /**
   * @param {number} x0
   * @param {number} y0
   * @param {number} x1
   * @param {number} y1
   * @param {number} sign
   * @param {number} tint
   */
  #segment(x0, y0, x1, y1, sign, tint) {
    if (!(y0 + y1 < Infinity)) return; // also if one is NaN
    const { weight, tint: sums, width, height } = this;
    const dx = x1 - x0, dy = y1 - y0;
    const bottom = height - 1.01, right = width - 1.01;
    if (Math.abs(dy) <= dx) {
      const slope = dy / dx;
      for (let x = x0, y = y0; x < x1; x++, y += slope) {
        const inside = y < 0 ? 0 : y > bottom ? bottom : y;
        const top = inside | 0;
        const lower = ((inside - top) * FULL) | 0;
        const at = top * width + x;
        weight[at] += sign * (FULL - lower);
        sums[at] += sign * (FULL - lower) * tint;
        weight[at + width] += sign * lower;
        sums[at + width] += sign * lower * tint;
      }
      return;
    }
    const slope = dx / Math.abs(dy), step = dy < 0 ? -1 : 1;
    const end = Math.round(y1);
    for (let y = Math.round(y0), x = x0; y !== end; y += step, x += slope) {
      const inside = x > right ? right : x;
      const left = inside | 0;
      const later = ((inside - left) * FULL) | 0;
      const at = (y < 0 ? 0 : y > bottom ? bottom | 0 : y) * width + left;
      weight[at] += sign * (FULL - later);
      sums[at] += sign * (FULL - later) * tint;
      weight[at + 1] += sign * later;
      sums[at + 1] += sign * later * tint;
    }
  }

  /**
   * Write the picture.
   * @param {Uint8ClampedArray} pixels red, green, blue and opacity of each pixel
   * @param {Uint8Array} palette 256 colours of three bytes
   * @param {number} strength the opacity of one line, 0 to 1
   */
  paint(pixels, palette, strength) {
    const opacities = new Uint8Array(4096);
    const base = Math.log1p(-Math.min(0.999, strength)) / FULL;
    for (let i = 1; i < opacities.length; i++) opacities[i] = 255 * (1 - Math.exp(base * i)) + 0.5;
    const { weight, tint } = this;
    for (let i = 0, at = 0; i < weight.length; i++, at += 4) {
      const much = weight[i];
      if (much <= 0) { pixels[at + 3] = 0; continue; }
      const colour = 3 * ((tint[i] / much) | 0);
      pixels[at] = palette[colour];
      pixels[at + 1] = palette[colour + 1];
      pixels[at + 2] = palette[colour + 2];
      pixels[at + 3] = opacities[much < 4096 ? much : 4095];
    }
  }

  clear() {
    this.weight.fill(0);
    this.tint.fill(0);
    this.lines = 0;
  }
}
