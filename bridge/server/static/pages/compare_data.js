/** The runs of a comparison. */

import { getCompare } from "../data/api.js";

/** @typedef {Awaited<ReturnType<typeof getCompare>>[number]} Run */

const AT_ONCE = 50; // runs in one request, whose address must not be too long

/**
 * Return runs in the order of their ids. Runs that are known already are not read again, and runs that do not exist are
 * left out.
 *
 * @param {string[]} ids
 * @param {Run[]} known
 * @returns {Promise<Run[]>}
 */
export async function getRuns(ids, known = []) {
  const byId = new Map(known.map((run) => [run.id, run]));
  const wanted = [...new Set(ids)];
  const missing = wanted.filter((id) => !byId.has(id));
  for (let at = 0; at < missing.length; at += AT_ONCE) {
    for (const run of await getCompare(missing.slice(at, at + AT_ONCE))) byId.set(run.id, run);
  }
  return wanted.flatMap((id) => byId.get(id) ?? []);
}
