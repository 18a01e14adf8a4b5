/**
 * Calls functions of the page's modules for tests in Python: it reads a list of `[module, function, arguments]` as JSON
 * from the standard input, and writes their results. A number that is not finite is written as `{"number": "NaN"}`.
 */

import { readFileSync } from "node:fs";

const STATIC = new URL("../../bridge/server/static/", import.meta.url);

/** @param {string} _ @param {any} value */
const revive = (_, value) => (value && typeof value === "object" && "number" in value ? Number(value.number) : value);

/** @param {string} _ @param {any} value */
function replace(_, value) {
  if (typeof value === "number" && !Number.isFinite(value)) return { number: String(value) };
  return ArrayBuffer.isView(value) ? [...(/** @type {any} */ (value))] : value;
}

const calls = JSON.parse(readFileSync(0, "utf8"), revive);
const results = [];
for (const [module, name, values] of calls) {
  const found = await import(new URL(module, STATIC).href);
  results.push(found[name](...values));
}
process.stdout.write(JSON.stringify(results, replace));
