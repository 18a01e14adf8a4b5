/** Lines that grow: whether a plot can keep its picture, and from where on it must be drawn again. */

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {import("./lines_extent.js").Extent} Extent */

/**
 * What a plot has drawn.
 * @typedef {object} Drawn
 * @property {string} form everything that the picture depends on, but the lines and the ranges
 * @property {{ line: Line, colour: string, n: number, points: number }[]} lines
 * @property {[number, number]} natural the range of the points
 * @property {[number, number]} range the range of the axis
 * @property {Extent} extent
 */

/** The part of the range that stays free for points to come, while lines grow. */
const ROOM = 0.04;

/** @param {Line[]} lines @returns {Drawn["lines"]} */
export const sizesOf = (lines) => lines.map((line) => ({ line, colour: line.colour, n: line.n, points: line.points }));

/**
 * Return the ranges that a plot shows next: those of before while grown lines are inside, otherwise with room on the
 * right. Returns null if more than the ends of lines has changed.
 * @param {Drawn} before
 * @param {Pick<Drawn, "form" | "natural" | "extent">} now
 * @param {Line[]} lines
 * @returns {Pick<Drawn, "range" | "extent"> | null}
 */
export function grown(before, now, lines) {
  const { natural, extent } = now;
  if (now.form !== before.form || lines.length !== before.lines.length) return null;
  if (natural[0] !== before.natural[0] || natural[1] < before.natural[1]) return null;
  const same = lines.every((line, at) => {
    const old = before.lines[at];
    return line === old.line && line.colour === old.colour && line.n >= old.n && !line.group;
  });
  if (!same || !lines.some((line, at) => line.points > before.lines[at].points)) return null;
  const fits = natural[1] <= before.range[1];
  const high = fits ? before.range[1] : natural[1] + (natural[1] - natural[0]) * ROOM;
  const inside = extent.low >= before.extent.low && extent.high <= before.extent.high;
  return {
    range: [natural[0], high],
    extent: inside ? { ...extent, low: before.extent.low, high: before.extent.high } : extent,
  };
}

/**
 * Return the least x at which a line differs from what was drawn.
 * @param {Drawn} before
 */
export function firstChange({ lines }) {
  let least = Infinity;
  for (const { line, n, points } of lines) {
    if (line.points === points) continue;
    // The last bucket may have other values, and so the line to it from the bucket before that has points.
    let at = n - 2;
    while (at > 0 && line.count && !line.count[at]) at--;
    if (at < 0) return -Infinity;
    least = Math.min(least, line.x[at]);
  }
  return least;
}
