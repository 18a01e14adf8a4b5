/** Tables of runs, as the endpoints `/table`, `/match` and `/groups` send them. */

/** @typedef {import("../lib/frame.js").Frame} Frame */

/**
 * A column of a table. `values` are numbers, or the index of each text in `words`.
 * A missing number is NaN, and a missing text has the word null.
 * `present` is null unless a run logged NaN; then it has a 1 for each run that has a value.
 * @typedef {object} TableColumn
 * @property {string} name the name as it was asked for, such as `metrics.val/loss:min`
 * @property {"number" | "text"} kind
 * @property {Float64Array | Uint32Array} values
 * @property {(string | null)[] | null} words
 * @property {Uint8Array | null} present
 */

/**
 * @typedef {object} Table
 * @property {string[]} ids the run ids, in the order of the answer
 * @property {Uint32Array} numbers the run numbers
 * @property {number} total how many runs match; `ids` may be a part of them
 * @property {number} offset
 * @property {string} cursor the state of the workspace before this answer, for the stream of changes
 * @property {Record<string, TableColumn>} columns by name, in the order in which they were asked for
 */

/**
 * @param {Frame} frame
 * @returns {Table}
 */
export function tableOf(frame) {
  const { head, columns, words } = frame;
  return {
    ids: /** @type {string[]} */ (words["#id"]),
    numbers: /** @type {Uint32Array} */ (columns["#number"]),
    total: head.total,
    offset: head.offset,
    cursor: head.cursor,
    columns: columnsOf(frame, (name) => !name.startsWith("#")),
  };
}

/**
 * @param {Frame} frame
 * @param {(name: string) => boolean} wanted
 * @returns {Record<string, TableColumn>}
 */
function columnsOf({ head, columns, words }, wanted) {
  /** @type {Record<string, TableColumn>} */
  const found = Object.create(null);
  for (const { name } of head.columns) {
    if (!wanted(name) || name.endsWith("#present")) continue;
    found[name] = {
      name,
      kind: words[name] ? "text" : "number",
      values: /** @type {Float64Array | Uint32Array} */ (columns[name]),
      words: words[name] ?? null,
      present: /** @type {Uint8Array} */ (columns[`${name}#present`]) ?? null,
    };
  }
  return found;
}

/**
 * A summary of a column over the runs of each group, one value for each group. NaN if there is none.
 * @typedef {Record<"count" | "mean" | "deviation" | "minimum" | "maximum" | "median", Float64Array>} Spread
 */

const SPREAD = /** @type {const} */ (["count", "mean", "deviation", "minimum", "maximum", "median"]);

/**
 * @param {Frame} frame
 * @param {string[]} by
 * @param {string[]} of
 * @returns {{runs: Uint32Array, ids: string[][], by: Record<string, TableColumn>, of: Record<string, Spread>}}
 */
export function groupsOf(frame, by, of) {
  const { head, columns } = frame;
  /** @type {Record<string, Spread>} */
  const spreads = Object.create(null);
  for (const name of of) {
    const one = /** @type {Spread} */ ({});
    for (const part of SPREAD) one[part] = /** @type {Float64Array} */ (columns[`${name}#${part}`]);
    spreads[name] = one;
  }
  const runs = /** @type {Uint32Array} */ (columns["#runs"]);
  return { runs, ids: head.ids, by: columnsOf(frame, (name) => by.includes(name)), of: spreads };
}

/**
 * Return a list of names as one parameter. A comma in a name gets a backslash.
 * @param {string[]} names
 */
export const listed = (names) => names.map((name) => name.replace(/[\\,]/g, "\\$&")).join(",");
