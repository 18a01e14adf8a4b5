/** The runs of a comparison. */

import { getRun } from "../data/api.js";

/** @typedef {Awaited<ReturnType<typeof getRun>>} Run */

const AT_ONCE = 6;

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
  const missing = [...new Set(ids)].filter((id) => !byId.has(id));
  const read = async () => {
    for (let id = missing.pop(); id !== undefined; id = missing.pop()) {
      try {
        byId.set(id, await getRun(id));
      } catch (error) {
        if (/** @type {any} */ (error).status !== 404) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return [...new Set(ids)].flatMap((id) => byId.get(id) ?? []);
}
