/** The difference of two texts by lines. */

/** @typedef {{ kind: "same" | "removed" | "added", text: string, left: number | null, right: number | null }} Line */
/** @typedef {{ left: number, right: number, lines: Line[] }} Hunk */
/** @typedef {[left: number, right: number, length: number]} Match A run of equal lines. */

const MOST_STEPS = 1000;

/** Return the lines of a text without their ends. The empty text has no line. @param {string} text */
export const linesOf = (text) => (text ? text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split("\n") : []);

/**
 * Return a line for each line that is in both lists, removed from the left one or added in the right one.
 *
 * The result is the shortest, by Myers' algorithm, unless the texts differ in very many lines. Then it is right, but longer.
 *
 * @param {readonly string[]} left
 * @param {readonly string[]} right
 * @returns {Line[]}
 */
export function difference(left, right) {
  const [one, two] = numbered(left, right);
  /** @type {Match[]} */
  const matches = [];
  collect(one, two, 0, one.length, 0, two.length, { steps: MOST_STEPS }, matches);
  /** @type {Line[]} */
  const lines = [];
  let [l, r] = [0, 0];
  for (const [atLeft, atRight, length] of [...matches, /** @type {Match} */ ([one.length, two.length, 0])]) {
    for (; l < atLeft; l += 1) lines.push({ kind: "removed", text: left[l], left: l + 1, right: null });
    for (; r < atRight; r += 1) lines.push({ kind: "added", text: right[r], left: null, right: r + 1 });
    for (let at = 0; at < length; at += 1, l += 1, r += 1)
      lines.push({ kind: "same", text: left[l], left: l + 1, right: r + 1 });
  }
  return lines;
}

/** Give equal lines equal numbers, which are compared faster. @param {readonly string[]} left @param {readonly string[]} right */
function numbered(left, right) {
  /** @type {Map<string, number>} */
  const known = new Map();
  return [left, right].map((lines) =>
    Uint32Array.from(lines, (line) => {
      const number = known.get(line) ?? known.size;
      known.set(line, number);
      return number;
    }),
  );
}

/**
 * Add the matches of two ranges of lines, by the middle of a shortest edit, in linear space.
 *
 * @param {Uint32Array} one @param {Uint32Array} two
 * @param {number} l0 @param {number} l1 @param {number} r0 @param {number} r1
 * @param {{ steps: number }} budget @param {Match[]} matches
 */
function collect(one, two, l0, l1, r0, r1, budget, matches) {
  let start = 0;
  while (l0 + start < l1 && r0 + start < r1 && one[l0 + start] === two[r0 + start]) start += 1;
  if (start) matches.push([l0, r0, start]);
  [l0, r0] = [l0 + start, r0 + start];
  let end = 0;
  while (l1 - end > l0 && r1 - end > r0 && one[l1 - end - 1] === two[r1 - end - 1]) end += 1;
  [l1, r1] = [l1 - end, r1 - end];
  if (l0 < l1 && r0 < r1) {
    const snake = middle(one, two, l0, l1, r0, r1, budget);
    if (snake) {
      const [x, y, u, v] = snake;
      collect(one, two, l0, x, r0, y, budget, matches);
      if (u > x) matches.push([x, y, u - x]);
      collect(one, two, u, l1, v, r1, budget, matches);
    }
  }
  if (end) matches.push([l1, r1, end]);
}

/**
 * Return a run of equal lines (which may be empty) in the middle of a shortest edit, as its start and its end, or null
 * if the ranges have nothing in common or the budget is spent.
 *
 * Source: Eugene Myers, "An O(ND) difference algorithm and its variations", section 4b.
 *
 * @param {Uint32Array} one @param {Uint32Array} two
 * @param {number} l0 @param {number} l1 @param {number} r0 @param {number} r1 @param {{ steps: number }} budget
 * @returns {[number, number, number, number] | null}
 */
function middle(one, two, l0, l1, r0, r1, budget) {
  const [n, m] = [l1 - l0, r1 - r0];
  const delta = n - m;
  const odd = (n + m) % 2 !== 0;
  const size = 2 * Math.min(n, m) + 2;
  const [forward, backward] = [new Int32Array(size), new Int32Array(size)];
  const at = (/** @type {number} */ k) => ((k % size) + size) % size;
  for (let d = 0; d <= Math.ceil((n + m) / 2) && budget.steps > 0; d += 1) {
    budget.steps -= 1;
    for (const ahead of [true, false]) {
      const [own, other] = ahead ? [forward, backward] : [backward, forward];
      const reach = ahead ? d - 1 : d;
      for (let k = 2 * Math.max(0, d - m) - d; k <= d - 2 * Math.max(0, d - n); k += 2) {
        const down = k === -d || (k !== d && own[at(k - 1)] < own[at(k + 1)]);
        let x = down ? own[at(k + 1)] : own[at(k - 1)] + 1;
        let y = x - k;
        const [x0, y0] = [x, y];
        if (ahead) while (x < n && y < m && one[l0 + x] === two[r0 + y]) [x, y] = [x + 1, y + 1];
        else while (x < n && y < m && one[l1 - x - 1] === two[r1 - y - 1]) [x, y] = [x + 1, y + 1];
        own[at(k)] = x;
        if (odd !== ahead || Math.abs(delta - k) > reach || x + other[at(delta - k)] < n) continue;
        return ahead ? [l0 + x0, r0 + y0, l0 + x, r0 + y] : [l1 - x, r1 - y, l1 - x0, r1 - y0];
      }
    }
  }
  return null;
}

/**
 * Return the parts of a difference around its changes.
 *
 * @param {readonly Line[]} lines
 * @param {number} context How many equal lines stand before and after a change.
 * @returns {Hunk[]}
 */
export function hunks(lines, context = 3) {
  /** @type {Hunk[]} */
  const parts = [];
  let end = -1;
  lines.forEach((line, at) => {
    if (line.kind === "same") return;
    const from = Math.max(0, at - context);
    const to = Math.min(lines.length, at + context + 1);
    const start = Math.max(from, end);
    if (from > end || !parts.length) parts.push({ left: before(lines, from, "left"), right: before(lines, from, "right"), lines: [] });
    parts[parts.length - 1].lines.push(...lines.slice(parts[parts.length - 1].lines.length ? start : from, to));
    end = to;
  });
  return parts;
}

/** Return the number of the first line at or after a place, of one side. @param {readonly Line[]} lines @param {number} at @param {"left" | "right"} side */
function before(lines, at, side) {
  for (let next = at; next < lines.length; next += 1) {
    const number = lines[next][side];
    if (number !== null) return number;
  }
  return 0;
}

/** Return how many lines were added and removed. @param {readonly Line[]} lines */
export const counts = (lines) => ({
  added: lines.filter((line) => line.kind === "added").length,
  removed: lines.filter((line) => line.kind === "removed").length,
});
