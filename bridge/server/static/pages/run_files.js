/** The tab Files: the tree of a run's files, and a preview of the chosen one. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { bytes } from "../lib/format.js";
import { FileTree, inOrder } from "../parts/files.js";
import { Preview } from "../parts/preview.js";
import { Empty, Problem } from "../parts/problem.js";

/** @typedef {import("../parts/files.js").Entry} Entry */

const CHOSEN = "file";

/** The folders above a path. @param {string} path */
const above = (path) =>
  path
    .split("/")
    .slice(0, -1)
    .map((_, at, parts) => parts.slice(0, at + 1).join("/"));

/** @param {{ run: any, data: import("./run_data.js").RunData, shell: import("../shell.js").Shell, state: import("@preact/signals").Signal<any> }} props */
export function Files({ run, data, shell, state }) {
  const chosen = state.value.other[CHOSEN] ?? "";
  const [folders, setFolders] = useState(/** @type {Map<string, Entry[]>} */ (new Map()));
  const [open, setOpen] = useState(new Set(above(chosen)));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const tick = data.files.value;

  const load = async (/** @type {string[]} */ wanted) => {
    try {
      const found = await Promise.all(
        wanted.map(
          async (folder) => /** @type {[string, Entry[]]} */ ([folder, inOrder(await entriesOf(run.id, folder))]),
        ),
      );
      setFolders((before) => new Map([...before, ...found]));
      setProblem(null);
    } catch (error) {
      setProblem(error);
    }
  };
  useEffect(() => {
    load([...new Set(["", ...open])]);
  }, [run.id, tick]);

  const toggle = (/** @type {string} */ path) => {
    const next = new Set(open);
    if (next.delete(path)) return setOpen(next);
    setOpen(next.add(path));
    return load([path]);
  };
  const choose = (/** @type {string} */ path) => shell.change({ other: { ...state.value.other, [CHOSEN]: path } });
  if (problem) return html`<${Problem} error=${problem} retry=${() => load(["", ...open])} />`;
  const top = folders.get("");
  if (!top) return null;
  if (!top.length)
    return html`<${Empty} title="No files" code=${'run.upload_file("model.pt", "outputs/model.pt")'}
      >Files that the run keeps are shown here.<//
    >`;
  const folder = chosen.split("/").slice(0, -1).join("/");
  const entry = (folders.get(folder) ?? []).find((each) => each.path === chosen);
  return html`<div class="split">
    <div class="split-side">
      <${FileTree}
        label="Files"
        folders=${folders}
        open=${open}
        chosen=${chosen}
        onToggle=${toggle}
        onChoose=${choose}
      />
      <div class="split-foot">
        <a class="button small" href=${api.zipUrl(run.id, "")} download>Download all as zip</a>
      </div>
    </div>
    <div class="split-main">
      ${
        entry && !entry.folder
          ? html`<header class="split-head">
                <h2 title=${entry.path}>${entry.path}</h2>
                <span class="soft">${entry.size === null ? "" : bytes(entry.size)}</span><span class="space"></span>
                ${folder && html`<a class="button small" href=${api.zipUrl(run.id, folder)} download>Folder as zip</a>`}
                <a class="button small" href=${api.fileUrl(run.id, entry.path, { download: true })} download
                  >Download</a
                >
              </header>
              <${Preview}
                key=${entry.path}
                path=${entry.path}
                size=${entry.size}
                url=${api.fileUrl(run.id, entry.path)}
                load=${(/** @type {number} */ from, /** @type {number} */ to) => api.getFile(run.id, entry.path, { from, to })}
              />`
          : html`<p class="split-empty soft">Choose a file to see it.</p>`
      }
    </div>
  </div>`;
}

/** @param {string} run @param {string} folder @returns {Promise<Entry[]>} */
async function entriesOf(run, folder) {
  const found = await api.listFiles(run, folder);
  return found.map((/** @type {any} */ one) => ({
    path: one.path,
    name: one.name ?? one.path.slice(one.path.lastIndexOf("/") + 1),
    folder: one.folder ?? one.is_folder ?? one.is_dir ?? false,
    size: one.size ?? one.size_bytes ?? null,
  }));
}
