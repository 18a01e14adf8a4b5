/** What the palette finds on the server: experiments, runs, metrics and files. */

import { getHome, search } from "../data/api.js";
import { columnName } from "../lib/column.js";
import { plural } from "../lib/format.js";
import { Status } from "../parts/status.js";
import { html } from "htm/preact";

/** @typedef {import("../parts/palette.js").Place} Place */
/** @typedef {import("../parts/palette.js").Section} Section */
/** @typedef {import("../shell.js").Shell} Shell */

const [RECENT, EACH] = [8, 8];

/**
 * Return the places that a text finds. The empty text finds the newest experiments and the running runs.
 *
 * @param {Shell} shell
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Section[]>}
 */
export async function findPlaces(shell, text, signal) {
  if (!text) {
    const { experiments, running } = await getHome({ signal });
    return [
      { title: "Running now", places: running.slice(0, RECENT).map((/** @type {any} */ run) => runPlace(shell, run)) },
      { title: "Experiments", places: experiments.slice(0, RECENT).map((/** @type {any} */ one) => experimentPlace(shell, one)) },
    ];
  }
  /** @type {any} */
  const found = await search(text, { signal });
  return [
    { title: "Experiments", places: (found.experiments ?? []).slice(0, EACH).map((/** @type {any} */ one) => experimentPlace(shell, one)) },
    { title: "Runs", places: (found.runs ?? []).slice(0, EACH).map((/** @type {any} */ run) => runPlace(shell, run)) },
    { title: "Metrics, params and tags", places: distinct(found.keys ?? []).slice(0, EACH).map((/** @type {any} */ key) => keyPlace(shell, key)) },
    { title: "Files", places: (found.files ?? []).slice(0, EACH).map((/** @type {any} */ file) => filePlace(shell, file)) },
  ];
}

/** Return keys once, although a key of several kinds is listed once for each kind. @param {any[]} keys */
function distinct(keys) {
  /** @type {Map<string, any>} */
  const known = new Map();
  for (const key of keys) {
    const name = JSON.stringify([key.experiment_id, key.entity, key.key]);
    known.set(name, { ...key, runs: Math.max(key.runs, known.get(name)?.runs ?? 0) });
  }
  return [...known.values()];
}

/** @param {Shell} shell @param {{ id: string, name: string, runs?: number }} experiment @returns {Place} */
const experimentPlace = (shell, { id, name, runs }) => ({
  text: name,
  hint: runs === undefined ? null : plural(runs, "run"),
  icon: "folder",
  go: () => shell.go(shell.href({ page: "experiment", id })),
});

/** @param {Shell} shell @param {{ id: string, name: string, status: string, experiment?: string }} run @returns {Place} */
const runPlace = (shell, { id, name, status, experiment = "" }) => ({
  text: name,
  hint: html`${experiment} <${Status} status=${status} text="" />`,
  icon: "chart",
  go: () => shell.go(shell.href({ page: "run", id })),
});

/** @param {Shell} shell @param {any} key @returns {Place} */
function keyPlace(shell, { entity, key, experiment_id: id, experiment, runs }) {
  const column = columnName({ entity, key });
  const state = entity === "metric" ? { sort: [{ column, descending: false }] } : { cols: ["name", "status", "start_time", "duration", column] };
  return {
    text: key,
    hint: `${entity}${experiment ? ` in ${experiment}` : ""}${runs ? `, ${plural(runs, "run")}` : ""}`,
    icon: entity === "metric" ? "chart" : "tag",
    go: () => shell.go(shell.href({ page: "experiment", id }, state)),
  };
}

/** @param {Shell} shell @param {any} file @returns {Place} */
const filePlace = (shell, { path, run, run_id: id }) => ({
  text: path,
  hint: run,
  icon: "file",
  go: () => shell.go(shell.href({ page: "run", id, tab: "files" }, /** @type {any} */ ({ other: { path } }))),
});
