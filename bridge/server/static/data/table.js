/** Tables of runs, as the endpoint `/table` sends them. */

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
    columns: columnsOf(frame),
  };
}

/** @param {Frame} frame @returns {Record<string, TableColumn>} */
function columnsOf({ head, columns, words }) {
  /** @type {Record<string, TableColumn>} */
  const found = Object.create(null);
  for (const { name } of head.columns) {
    if (name.startsWith("#") || name.endsWith("#present")) continue;
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
