/** Changes of runs and experiments, and saved views. */

import { getJson, sendJson } from "./http.js";

/** @typedef {{signal?: AbortSignal}} Options */
/** @typedef {{name: string, state: string}} View */

const experimentPath = (/** @type {string} */ id) => `/experiments/${encodeURIComponent(id)}`;
const viewPath = (/** @type {string} */ id, /** @type {string} */ name) =>
  `${experimentPath(id)}/views/${encodeURIComponent(name)}`;

/** @param {string} method @param {string} path @param {unknown} body @returns {Promise<any>} */
const sent = async (method, path, body) => (await sendJson(method, path, body)).json();

/**
 * Apply the same changes to several runs. Tags that a run does not have are not removed from it.
 * @param {string[]} runs
 * @param {{name?: string, description?: string, tags?: Record<string, string | null>, remove_tags?: string[]}} changes
 * @returns {Promise<{runs: number, cursor: string}>}
 */
export const updateRuns = (runs, changes) => sent("PATCH", "/runs", { runs, changes });

/** Move runs to the archive. @param {string[]} runs @returns {Promise<{runs: number, cursor: string}>} */
export const archive = (runs) => sent("POST", "/runs/archive", { runs });

/** Bring runs back from the archive. @param {string[]} runs @returns {Promise<{runs: number, cursor: string}>} */
export const restore = (runs) => sent("POST", "/runs/restore", { runs });

/** Remove runs with their points and files permanently. Only an admin may do this. @param {string[]} runs */
export const purge = (runs) => sent("POST", "/runs/purge", { runs, confirm: new Set(runs).size });

/**
 * Change an experiment, and return it. An empty note removes the note.
 * @param {string} id
 * @param {{name?: string, note?: string, tags?: Record<string, string | null>, remove_tags?: string[]}} changes
 */
export const updateExperiment = (id, changes) => sent("PATCH", experimentPath(id), changes);

/**
 * Return the views that are kept in an experiment, sorted by name. A state is the text that `putView` got.
 * @param {string} id
 * @param {Options} [options]
 * @returns {Promise<View[]>}
 */
export const getViews = async (id, { signal } = {}) => (await getJson(`${experimentPath(id)}/views`, {}, signal)).views;

/** @param {string} id @param {string} name @param {string} state @returns {Promise<View>} */
export const putView = (id, name, state) => sent("PUT", viewPath(id, name), { state });

/** @param {string} id @param {string} name */
export const deleteView = (id, name) => sent("DELETE", viewPath(id, name), {});

/**
 * Keep a state that is too long for an address. The result is its id of 8 characters.
 * @param {string} state
 * @param {string} [experiment]
 * @returns {Promise<{id: string}>}
 */
export const storeState = (state, experiment) => sent("POST", "/views", { state, experiment });

/** Return the state with an id. @param {string} id @param {Options} [options] @returns {Promise<{id: string, state: string}>} */
export const getState = (id, { signal } = {}) => getJson(`/views/${encodeURIComponent(id)}`, {}, signal);
