/** The files, logs and source of a run, and exact points as files. */

import { address, encoded, getJson, send } from "./http.js";

/** @typedef {{signal?: AbortSignal}} Options */
/** @typedef {{path: string, name: string, folder: boolean, size: number | null, time: number | null, sha256: string | null}} FileEntry */
/** @typedef {{path: string, kind: "file" | "executable" | "link", size: number, sha256: string}} SourceFile */

const runPath = (/** @type {string} */ run) => `/runs/${encodeURIComponent(run)}`;
const bytesOf = async (/** @type {Response} */ response) => new Uint8Array(await response.arrayBuffer());

/**
 * Return the files and folders in a folder; with `recursive`, all files below it.
 * @param {string} run
 * @param {string} [folder]
 * @param {{recursive?: boolean} & Options} [options]
 * @returns {Promise<FileEntry[]>}
 */
export const listFiles = async (run, folder = "", { recursive, signal } = {}) =>
  (await getJson(`${runPath(run)}/files`, { folder, recursive }, signal)).files;

/**
 * Return the address of a file. HTML is shown as such in a frame only, and SVG in a frame or a picture.
 * @param {string} run
 * @param {string} path
 * @param {{download?: boolean}} [options]
 */
export const fileUrl = (run, path, { download } = {}) => address(`${runPath(run)}/files/${encoded(path)}`, { download });

/**
 * Return a part of a file, from the byte `from` up to, but without, `to`. A part behind the end is empty.
 * @param {string} run
 * @param {string} path
 * @param {{from?: number, to?: number} & Options} [options]
 * @returns {Promise<Uint8Array>}
 */
export async function getFile(run, path, { from = 0, to, signal } = {}) {
  const headers = { Range: `bytes=${from}-${to === undefined ? "" : Math.max(from, to - 1)}` };
  try {
    return await bytesOf(await send(fileUrl(run, path), { signal, headers }));
  } catch (error) {
    if (/** @type {any} */ (error).status === 416) return new Uint8Array(0);
    throw error;
  }
}

/**
 * Return the address of a folder as a zip file.
 * @param {string} run
 * @param {string} [folder]
 */
export const zipUrl = (run, folder = "") => address(`${runPath(run)}/zip`, { folder });

/**
 * Return the address of all exact points of a metric as a file.
 * @param {string} run
 * @param {string} key
 * @param {{format?: "csv" | "json", spreadsheet?: boolean}} [options]
 */
export const pointsUrl = (run, key, options = {}) =>
  address(`/points/${encodeURIComponent(run)}/${encoded(key)}`, options);

/**
 * @param {string} run
 * @param {Options} [options]
 * @returns {Promise<FileEntry[]>}
 */
export const listLogs = async (run, { signal } = {}) => (await getJson(`${runPath(run)}/logs`, {}, signal)).logs;

/**
 * Return a part of a log: from the byte `from` up to `to`, the last `tail` bytes, or `limit` bytes from the line `line`.
 * `line` of the result is the number of its first line, counted from 1; null if it is not known. With `numbered`, the
 * server counts the lines first.
 * @param {string} run
 * @param {string} path
 * @param {{from?: number, to?: number, tail?: number, line?: number, limit?: number, numbered?: boolean} & Options} [asked]
 * @returns {Promise<{bytes: Uint8Array, from: number, size: number, line: number | null}>}
 */
export async function getLog(run, path, { signal, ...asked } = {}) {
  const response = await send(address(`${runPath(run)}/logs/${encoded(path)}`, asked), { signal });
  const line = response.headers.get("X-Line");
  return {
    bytes: await bytesOf(response),
    from: Number(response.headers.get("X-From")),
    size: Number(response.headers.get("X-Size")),
    line: line === null ? null : Number(line),
  };
}

/**
 * A place is an offset in bytes. `at` is the number of places before `from`. While `complete` is false, the log was
 * searched in part only: the same request goes on. `more` is true if there are more places than `count`.
 * @typedef {{count: number, at: number, next: number | null, before: number | null, complete: boolean, more: boolean,
 *   size: number}} Found
 */

/**
 * Search a text in a log.
 * @param {string} run
 * @param {string} path
 * @param {{text: string, from?: number} & Options} asked
 * @returns {Promise<Found>}
 */
export async function searchLog(run, path, { text, from = 0, signal }) {
  const place = `${runPath(run)}/logs/${encoded(path)}/search`;
  let found = await getJson(place, { text, from }, signal);
  while (!found.complete) found = await getJson(place, { text, from }, signal);
  return found;
}

/**
 * Return the files of a run's snapshot.
 * @param {string} run
 * @param {Options} [options]
 * @returns {Promise<{snapshot: string, files: SourceFile[]}>}
 */
export const getSource = (run, { signal } = {}) => getJson(`${runPath(run)}/source`, {}, signal);

/**
 * @param {string} run
 * @param {string} path
 * @param {{download?: boolean}} [options]
 */
const sourceUrl = (run, path, { download } = {}) => address(`${runPath(run)}/source`, { path, download });

/**
 * @param {string} run
 * @param {string} path
 * @param {Options} [options]
 */
export const getSourceFile = async (run, path, { signal } = {}) => bytesOf(await send(sourceUrl(run, path), { signal }));

/**
 * Return how the sources of two runs differ: `removed, added, changed, same`. With `path`, both texts of one file:
 * `path, left, right`; a text is null if a run does not have the file.
 * @param {string} run
 * @param {string} to the other run
 * @param {{path?: string} & Options} [options]
 * @returns {Promise<any>}
 */
export const getDifference = (run, to, { path, signal } = {}) =>
  getJson(`${runPath(run)}/source/difference`, { to, path }, signal);
