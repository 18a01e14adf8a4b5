/**
 * Joins and shortens the modules of the page. `bridge/server/bundle.py` runs it: `node bundle.mjs STATIC OUT`.
 *
 * STATIC has the modules, OUT is a new folder. The names that modules import, and the files they lead to, come as JSON
 * from the standard input. The answer on the standard output is JSON: each written file with those that it imports.
 */

import fs from "node:fs/promises";
import path from "node:path";
import { transform } from "esbuild";
import { rollup } from "rollup";
import { parseAst } from "rollup/parseAst";

const [STATIC, OUT] = process.argv.slice(2);
const PAGES = ["home", "run", "compare", "notes"];

const input = [];
for await (const piece of process.stdin) input.push(piece);
const names = JSON.parse(Buffer.concat(input).toString());

const at = (name) => path.join(STATIC, name);

/** Packages of other projects are found where the import map has them. */
const packages = {
  name: "packages",
  resolveId: (name) => (names[name] ? at(names[name]) : null),
};

/** htm drops white space at the ends of lines. Without it, templates are shorter and mean the same. */
const templates = {
  name: "templates",
  transform(code) {
    if (!code.includes("html`")) return null;
    const texts = [];
    const visit = (node) => {
      if (!node || typeof node !== "object") return;
      if (node.type === "TaggedTemplateExpression" && node.tag.name === "html") texts.push(...node.quasi.quasis);
      for (const value of Object.values(node)) visit(value);
    };
    visit(parseAst(code));
    let made = "";
    let done = 0;
    for (const { start, end } of texts.sort((left, right) => left.start - right.start)) {
      made += code.slice(done, start) + code.slice(start, end).replace(/[ \t]*\n\s*/g, "\n");
      done = end;
    }
    return { code: made + code.slice(done), map: null };
  },
};

/** Return a function that says which file has a module. No file imports one that imports it. */
function grouping(info) {
  const reach = (...entries) => {
    const found = new Set();
    const todo = [...entries];
    while (todo.length) {
      const id = todo.pop();
      if (found.has(id) || !info(id)) continue;
      found.add(id);
      todo.push(...info(id).importedIds);
    }
    return found;
  };
  const app = reach(at("app.js"));
  const experiment = reach(at("pages/experiment.js"));
  const later = new Set([...app].flatMap((id) => info(id).dynamicallyImportedIds));
  later.delete(at("pages/experiment.js"));
  const besides = reach(...later);
  // Also the parts that pages import later, so that none of them loads a whole page.
  const entries = new Set(later);
  for (const id of [...besides, ...experiment]) for (const part of info(id).dynamicallyImportedIds) entries.add(part);
  const reached = [...entries].filter((id) => !experiment.has(id)).map((id) => [id, reach(id)]);
  return (id) => {
    if (app.has(id) || (experiment.has(id) && besides.has(id))) return "app";
    if (experiment.has(id)) return "experiment";
    const users = reached.filter(([, ids]) => ids.has(id));
    if (users.length > 1) return "shared";
    const page = PAGES.find((name) => users[0]?.[0] === at(`pages/${name}.js`));
    return page ?? null;
  };
}

const made = await rollup({
  input: { app: at("app.js") },
  plugins: [packages, templates],
  onLog: (level, log) => {
    if (level === "warn") throw new Error(log.message);
  },
});
let groupOf = null;
const { output } = await made.generate({
  format: "es",
  entryFileNames: "[name].js",
  chunkFileNames: "[name].js",
  manualChunks(id, { getModuleInfo }) {
    groupOf ??= grouping(getModuleInfo);
    return groupOf(id);
  },
});
const answer = {};
for (const chunk of output) {
  const { code } = await transform(chunk.code, { minify: true, format: "esm", target: "es2022", legalComments: "none" });
  await fs.writeFile(path.join(OUT, chunk.fileName), code);
  answer[chunk.fileName] = chunk.imports;
}
process.stdout.write(JSON.stringify(answer));
