/** What the table shows, place by place: runs in order, runs below their parents, or groups of runs. */

import { groupRows, spread } from "../lib/group.js";
import { runTree } from "../lib/tree.js";

/** @typedef {import("./experiment_runs.js").Runs} Runs */
/** @typedef {import("../lib/group.js").Group & { names: string[] }} Group */

/**
 * @typedef {object} Places
 * @property {Int32Array} at a row of the runs, or the complement of a group's number
 * @property {Uint16Array} depth
 * @property {Group[]} groups
 * @property {Map<number, number[]>} children the rows below a row, in the order of the table
 */

/**
 * Return groups of rows, in the order of their first rows.
 * @param {Runs} runs
 * @param {Uint32Array} rows
 * @param {string[]} names the columns
 * @returns {Group[]}
 */
export function groupsOf(runs, rows, names) {
  const columns = names.map((name) => {
    const column = runs.columns.get(name);
    if (!column) return { values: new Float64Array(runs.count).fill(NaN) };
    return column.kind === "text" ? { values: column.codes, words: column.words } : column;
  });
  return groupRows(rows, columns).map((group) => ({ ...group, names }));
}

/** @param {Group} group */
export const groupName = (group) =>
  group.names
    .map((name, at) => `${name.replace(/^(params|tags|properties|metrics)\./, "")} = ${group.values[at] ?? "–"}`)
    .join(", ");

/**
 * Return the places of the table.
 * @param {Runs} runs
 * @param {Uint32Array} rows the rows that are shown, in order
 * @param {{ groups: Group[] | null, open: Set<string>, tree: boolean }} options
 * @returns {Places}
 */
export function placesOf(runs, rows, { groups, open, tree }) {
  /** @type {Map<number, number[]>} */
  const children = new Map();
  if (groups) {
    /** @type {number[]} */
    const at = [];
    /** @type {number[]} */
    const depth = [];
    groups.forEach((group, number) => {
      at.push(~number);
      depth.push(0);
      if (!open.has(group.key)) return;
      for (const row of group.rows) {
        at.push(row);
        depth.push(1);
      }
    });
    return { at: Int32Array.from(at), depth: Uint16Array.from(depth), groups, children };
  }
  const parents = tree ? runs.columns.get("parent_id") : undefined;
  if (!parents || parents.kind !== "text" || parents.words.length < 2) {
    return { at: Int32Array.from(rows), depth: new Uint16Array(rows.length), groups: [], children };
  }
  /** @type {string[]} */
  const ids = [];
  /** @type {(string | null)[]} */
  const parentIds = [];
  const shown = new Set(rows);
  for (const row of rows) {
    const parent = parents.words[parents.codes[row]];
    ids.push(runs.ids[row]);
    parentIds.push(parent);
    const above = parent === null ? undefined : runs.rowById.get(parent);
    if (above === undefined || above === row || !shown.has(above)) continue;
    const below = children.get(above);
    if (below) below.push(row);
    else children.set(above, [row]);
  }
  const walked = runTree(ids, parentIds, (id) => open.has(id));
  const at = Int32Array.from(walked, (item) => rows[item.row]);
  return { at, depth: Uint16Array.from(walked, (item) => item.depth), groups: [], children };
}

/**
 * Return the distribution of a column in rows.
 * @param {Runs} runs
 * @param {string} name
 * @param {number[]} rows
 */
export function spreadOf(runs, name, rows) {
  const column = runs.columns.get(name);
  return spread(column && column.kind === "number" ? column.values : [], column ? rows : []);
}

/**
 * Return the best number of all runs below a row; NaN if there is none.
 * @param {Runs} runs
 * @param {Map<number, number[]>} children
 * @param {number} row
 * @param {string} name
 * @param {boolean} greatest
 */
export function bestBelow(runs, children, row, name, greatest) {
  let best = NaN;
  const seen = new Set([row]);
  const todo = [...(children.get(row) || [])];
  for (let below = todo.pop(); below !== undefined; below = todo.pop()) {
    if (seen.has(below)) continue;
    seen.add(below);
    const value = runs.number(name, below);
    if (!Number.isNaN(value) && (Number.isNaN(best) || (greatest ? value > best : value < best))) best = value;
    for (const next of children.get(below) || []) todo.push(next);
  }
  return best;
}
