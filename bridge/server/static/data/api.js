/** One function for each endpoint that reads runs. All throw `ApiError`. `signal` aborts a request. */

import { readFrame } from "../lib/frame.js";
import { printList } from "../lib/state.js";
import { encoded, getFrame, getJson, numberOf, sendJson } from "./http.js";
import { seriesOf, tailsOf } from "./series.js";
import { tableOf } from "./table.js";

export * from "./edits.js";
export * from "./files.js";
export { ApiError, base } from "./http.js";

/** @typedef {{signal?: AbortSignal}} Options */

const idPath = (/** @type {string} */ id) => `/experiments/${encodeURIComponent(id)}`;
const runPath = (/** @type {string} */ id) => `/runs/${encodeURIComponent(id)}`;

/**
 * Return the experiments with their runs by status, and the runs that are running.
 * An experiment has `id, name, stage, created, first_line, runs, by_status, last_activity, days`; `days` are the runs
 * that started on each of the last 30 days. A running run has `id, name, number, status, experiment_id, start_time,
 * tags, latest`.
 * @param {{view?: "active" | "all"} & Options} [options]
 */
export const getHome = ({ view, signal } = {}) => getJson("/home", { view }, signal);

/**
 * Return an experiment: `id, name, stage, created, note, tags, cursor, runs, by_status, deleted`.
 * @param {string} id
 * @param {Options} [options]
 */
export const getExperiment = (id, { signal } = {}) => getJson(idPath(id), {}, signal);

/**
 * Return columns of runs.
 * @param {string} id the experiment
 * @param {object} [asked]
 * @param {string} [asked.q] the filter
 * @param {string} [asked.sort] such as `-metrics.val/loss:min,params.lr`
 * @param {string[]} [asked.cols] such as `["name", "status", "metrics.val/loss:min", "params.lr"]`. Attributes are
 *   name, status, user, number, start_time, end_time, duration, run_id, parent_id, type, description, lifecycle_stage,
 *   deletion_time, experiment_id
 * @param {number} [asked.offset]
 * @param {number} [asked.limit]
 * @param {string[]} [asked.ids] only these runs, at most 1,000
 * @param {"active" | "deleted" | "all"} [asked.view]
 * @param {string} [asked.below] only children of this run, in all experiments
 * @param {boolean} [asked.recursive] with `below`: all its descendants
 * @param {AbortSignal} [asked.signal]
 * @returns {Promise<import("./table.js").Table>}
 */
export async function getTable(id, { cols, ids, signal, ...asked } = {}) {
  const chosen = ids && (ids.join(",") || "-");
  return tableOf(await getFrame(`${idPath(id)}/table`, { ...asked, cols: cols && printList(cols), ids: chosen }, signal));
}

/**
 * Return the run numbers that match a filter, in its order.
 * @param {string} id
 * @param {{q?: string, sort?: string, view?: string} & Options} [asked]
 * @returns {Promise<{numbers: Uint32Array, total: number, cursor: string}>}
 */
export async function getMatch(id, { signal, ...asked } = {}) {
  const { head, columns } = await getFrame(`${idPath(id)}/match`, asked, signal);
  return { numbers: /** @type {Uint32Array} */ (columns["#number"]), total: head.total, cursor: head.cursor };
}

/**
 * A key that runs of an experiment have. `kind` is `scalar`, `table`, `image`, `confusion_matrix`, `accuracy_table`,
 * `residuals`, `predictions` or `description` for a metric, and empty for others. `minimum` and `maximum` are those of
 * the latest values. `words` are at most 50 distinct texts with the number of runs that have each.
 * @typedef {{entity: "metric" | "param" | "property" | "tag", key: string, column: string, kind: string,
 *   type: "number" | "text", runs: number, minimum: number | null, maximum: number | null,
 *   words: [string, number][]}} Key
 */

/**
 * @param {string} id
 * @param {{entity?: string, prefix?: string, limit?: number, page?: string} & Options} [asked]
 * @returns {Promise<{keys: Key[], next: string | null}>}
 */
export const getKeys = (id, { signal, ...asked } = {}) => getJson(`${idPath(id)}/keys`, asked, signal);

/**
 * Check a filter. `error` is null, or the first mistake with its place in the text.
 * @param {string} q
 * @param {Options} [options]
 * @returns {Promise<{clauses: {entity: string, key: string, comparator: string, operand: any}[],
 *   error: {sentence: string, start: number, end: number} | null}>}
 */
export const check = (q, { signal } = {}) => getJson("/check", { q }, signal);

/**
 * Return series for charts: exact envelopes, as wide as a chart.
 * @param {object} asked
 * @param {string[]} asked.runs
 * @param {string[]} asked.keys such as `val/loss`, or `table.column`
 * @param {number} [asked.buckets] about the width of the chart in pixels; at most 5,000
 * @param {string} [asked.x] `step`, `time`, `relative` or `metric:<key>`
 * @param {number} [asked.low] the range of x
 * @param {number} [asked.high]
 * @param {Record<string, string>} [asked.groups] the group of each run; one series for each group comes back
 * @param {AbortSignal} [asked.signal]
 */
export async function getSeries({ signal, ...asked }) {
  const response = await sendJson("POST", "/series", asked, signal);
  return seriesOf(readFrame(await response.arrayBuffer()));
}

/**
 * Return the points that were logged after a position: for each series [run, key, position].
 * @param {[string, string, number][]} series
 * @param {Options} [options]
 */
export async function getTail(series, { signal } = {}) {
  const response = await sendJson("POST", "/tail", { series }, signal);
  return tailsOf(readFrame(await response.arrayBuffer()));
}

/**
 * Return everything about a run: `id, experiment_id, name, number, status, stage, start_time, end_time, deletion_time,
 * description, user, parent_id, type, error, definition, params, tags, properties, latest, latest_texts, inputs,
 * model_inputs, model_outputs, warnings, experiment, parents, children, snapshot, owner, local_files`.
 * `params`, `tags` and `properties` are lists of pairs. `latest` has `key, column, value, timestamp, step`.
 * @param {string} id
 * @param {Options} [options]
 */
export async function getRun(id, { signal } = {}) {
  const run = await getJson(runPath(id), {}, signal);
  for (const point of run.latest) point.value = numberOf(point.value);
  return run;
}

/**
 * Return the keys of a run's series: `key, kinds, description, series`. A series has `kind, column, type, points, last,
 * step, timestamp, minimum, maximum`.
 * @param {string} id
 * @param {Options} [options]
 * @returns {Promise<any[]>}
 */
export async function getRunMetrics(id, { signal } = {}) {
  const { metrics } = await getJson(`${runPath(id)}/metrics`, {}, signal);
  for (const { series } of metrics) {
    for (const one of series) {
      if (one.type !== "number") continue;
      for (const name of ["last", "minimum", "maximum"]) one[name] = numberOf(one[name] ?? null);
    }
  }
  return metrics;
}

/**
 * Return what was logged under a key: `key, kinds, description, points, table, files`. `points` has `first, steps,
 * timestamps, values`; `table` is null, or has `first, columns, steps, timestamps`; a file has `kind, path, step,
 * timestamp`. NaN and ±Infinity among the values are the texts `NaN`, `Infinity` and `-Infinity`.
 * @param {string} id
 * @param {string} key
 * @param {{limit?: number} & Options} [options]
 */
export const getValues = (id, key, { limit, signal } = {}) =>
  getJson(`${runPath(id)}/values/${encoded(key)}`, { limit }, signal);

/**
 * Return the last image that each of several runs logged under a key; runs without one are absent.
 * @param {string[]} runs
 * @param {string} key
 * @param {Options} [options]
 * @returns {Promise<{run: string, path: string, step: number, images: number}[]>}
 */
export const getImages = async (runs, key, { signal } = {}) =>
  (await getJson("/images", { runs: runs.join(","), key }, signal)).images;

/**
 * Return everything about several runs, as `getRun` does. `source` is a list of [path, hash] of the source files, or null.
 * @param {string[]} runs
 * @param {Options} [options]
 * @returns {Promise<any[]>}
 */
export async function getCompare(runs, { signal } = {}) {
  const found = await getJson("/compare", { runs: runs.join(",") }, signal);
  for (const run of found.runs) {
    for (const point of run.latest) point.value = numberOf(point.value);
  }
  return found.runs;
}

/**
 * Return what contains a text: at most 20 `runs`, `experiments`, `keys` and `files` each. A run has `id, name, number,
 * status, start_time, experiment_id, experiment`; a key has `entity, key, column, runs, experiment_id, experiment`.
 * @param {string} text
 * @param {Options} [options]
 * @returns {Promise<{runs: any[], experiments: {id: string, name: string}[], keys: any[], files: any[]}>}
 */
export const search = (text, { signal } = {}) => getJson("/search", { text }, signal);
