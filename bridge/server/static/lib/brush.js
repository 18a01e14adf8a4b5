/**
 * Ranges on axes, as clauses of a filter: `metrics.loss >= 0.1 and metrics.loss <= 0.3`.
 *
 * The store compares params as texts, so a range of a param becomes one clause per value that it excludes.
 *
 * @typedef {[low: number, high: number]} Range
 * @typedef {Record<string, Range>} Ranges by the key of an axis
 */

const MOST = 40; // clauses for one range; the store accepts a limited number in a filter

/**
 * Return the rows that lie in all ranges, 1 for each.
 * @param {import("./axes.js").Axis[]} axes
 * @param {Ranges} ranges
 * @param {number} rows
 * @returns {Uint8Array}
 */
export function rowsInRanges(axes, ranges, rows) {
  const inside = new Uint8Array(rows).fill(1);
  for (const axis of axes) {
    const range = ranges[axis.key];
    if (!range) continue;
    const [low, high] = range, values = axis.values;
    for (let i = 0; i < rows; i++) if (!(values[i] >= low && values[i] <= high)) inside[i] = 0;
  }
  return inside;
}

/**
 * Return the clauses of a filter for a range, or null if the filter would be too long.
 * @param {import("./axes.js").Axis} axis
 * @param {Range} range
 * @returns {string[] | null}
 */
export function clausesOf(axis, [low, high]) {
  const name = quoteKey(axis.key);
  if (!axis.key.startsWith("params.") && !axis.key.startsWith("tags.") && axis.kind === "number") {
    return [`${name} >= ${shortest(low)}`, `${name} <= ${shortest(high)}`];
  }
  const value = (/** @type {string} */ word, /** @type {number} */ i) => (axis.kind === "word" ? i : Number(word));
  const kept = axis.words.filter((word, i) => value(word, i) >= low && value(word, i) <= high);
  if (kept.length === 1) return [`${name} = ${quoteText(kept[0])}`];
  const excluded = axis.words.filter((word) => !kept.includes(word));
  if (kept.length === 0 || excluded.length > MOST) return null;
  return excluded.map((word) => `${name} != ${quoteText(word)}`);
}

/**
 * Return a filter with further clauses.
 * @param {string} filter
 * @param {string[]} clauses
 */
export function withClauses(filter, clauses) {
  return [filter.trim(), ...clauses].filter((text) => text !== "").join(" and ");
}

/**
 * Return a filter without the clauses that were added to it.
 * @param {string} filter
 * @param {string[]} clauses
 */
export function withoutClauses(filter, clauses) {
  const end = clauses.join(" and ");
  if (end === "" || !filter.endsWith(end)) return filter;
  return filter.slice(0, -end.length).replace(/\s+and\s+$/i, "").trim();
}

/**
 * Return a key in the form that filters accept: quoted if it has other characters than letters, digits, `_` and `.`.
 * @param {string} column for example `metrics.val/loss`
 */
export function quoteKey(column) {
  const at = column.indexOf(".");
  const key = column.slice(at + 1);
  if (/^[A-Za-z_]\w*$/.test(key)) return column;
  const mark = key.includes("`") ? '"' : "`";
  return `${column.slice(0, at)}.${mark}${key}${mark}`;
}

/**
 * Return a quoted text.
 * @param {string} text
 */
export function quoteText(text) {
  return text.includes("'") ? `"${text}"` : `'${text}'`;
}

/**
 * Return a number with six digits, which is what a hand on a screen can choose.
 * @param {number} value
 */
function shortest(value) {
  const text = String(Number(value.toPrecision(6)));
  return text.replace("e+", "e");
}
