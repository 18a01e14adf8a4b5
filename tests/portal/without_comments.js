/**
 * Reads pairs of scripts as JSON from the standard input, and writes for each pair whether both are the same program,
 * as TypeScript prints it without comments.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const ts = createRequire(import.meta.url)("../../node_modules/typescript");

/** @param {string} source */
function program(source) {
  const file = ts.createSourceFile("a.js", source, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS);
  return ts.createPrinter({ removeComments: true }).printFile(file);
}

const pairs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(pairs.map(([one, two]) => program(one) === program(two))));
