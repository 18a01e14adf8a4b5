/** The columns that the table of runs shows by itself. */

import { columnName } from "./column.js";

/**
 * A key that runs use, as the server lists it.
 * @typedef {object} Key
 * @property {import("./column.js").Entity} entity
 * @property {string} key
 * @property {string} column
 * @property {string} kind
 * @property {"number" | "text"} type
 * @property {number} runs
 * @property {[string, number][]} words
 */

const FIRST = ["name", "status", "start_time"];
const [METRICS, MORE_METRICS, PARAMS] = [2, 2, 4];
/** The server lists so many different values of a param, and no more. */
const MOST_WORDS = 50;

/**
 * Return the name of the column of a key.
 * @param {Pick<Key, "entity" | "key" | "column">} key
 */
export const columnOfKey = ({ entity, key, column }) => columnName({ entity, key: column ? `${key}.${column}` : key });

/**
 * Return the columns that a person most likely wants: two metrics, the params that differ, and more metrics.
 * @param {readonly Key[] | null} keys
 * @param {number} runs the number of runs of the experiment
 */
export function chooseColumns(keys, runs) {
  if (!keys) return FIRST;
  const all = Math.max(1, runs, ...keys.map((key) => key.runs));
  const metrics = keys.filter((key) => key.entity === "metric" && key.kind === "scalar" && key.type === "number" && !key.key.startsWith("system/"));
  metrics.sort((one, other) => other.runs - one.runs || weight(other) - weight(one));
  const params = keys.filter((key) => key.entity === "param" && (key.words.length !== 1 || key.runs < all));
  params.sort((one, other) => difference(other) - difference(one) || other.runs - one.runs);
  const names = [...metrics.slice(0, METRICS), ...params.slice(0, PARAMS), ...metrics.slice(METRICS, METRICS + MORE_METRICS)];
  return [...FIRST, ...names.map(columnOfKey)];
}

/** What is measured on other data than those of the training tells more. @param {Key} key */
const weight = ({ key }) => (/(^|\/)(val|valid|validation|eval|test)([_/]|$)/.test(key) ? 2 : 0) + (/loss|acc|f1|auc|score|error|reward/.test(key) ? 1 : 0);

/**
 * How well a param tells runs apart: best if it has several values, less if each run has its own, as seeds and paths,
 * and least if only some runs have it.
 * @param {Key} key
 */
function difference({ words }) {
  if (words.length > 1) return words.length < MOST_WORDS ? 3 : 2;
  return words.length ? 1 : 2;
}
