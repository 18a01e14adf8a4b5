/** The tab Source: the snapshot of the source that ran, and what git says about it. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { bytes } from "../lib/format.js";
import { FileTree, foldersOf } from "../parts/files.js";
import { Preview } from "../parts/preview.js";
import { Empty, Problem } from "../parts/problem.js";
import { SourceText } from "../parts/source.js";

const CHOSEN = "file";

/** The file with the changes that were not committed when the run began, and how much of it is shown. */
const DIFFERENCE = "source/uncommitted.diff";
const MOST_BYTES = 1 << 20;

/** @param {{ run: any, shell: import("../shell.js").Shell, state: import("@preact/signals").Signal<any> }} props */
export function Source({ run, shell, state }) {
  const [files, setFiles] = useState(/** @type {{ path: string, size: number | null }[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [closed, setClosed] = useState(/** @type {Set<string>} */ (new Set()));
  const load = () =>
    api.getSource(run.id).then((found) => (setFiles(found.files ?? found), setProblem(null)), setProblem);
  useEffect(() => {
    if (run.snapshot) load();
    else setFiles([]);
  }, [run.id, run.snapshot]);
  const git = html`<${Git} run=${run} />`;
  if (problem) return html`${git}<${Problem} error=${problem} retry=${load} />`;
  if (!files) return git;
  if (!files.length) {
    return html`${git}<${Empty} title="No source" code=${'experiment.start_logging(snapshot_directory="src")'}
        >The run kept no snapshot of its source.<//
      >`;
  }
  const folders = foldersOf(files);
  const open = new Set([...folders.keys()].filter((folder) => !closed.has(folder)));
  const asked = state.value.other[CHOSEN] ?? "";
  const chosen =
    files.find((file) => file.path === asked) ??
    files.find((file) => file.path === run.definition?.script) ??
    files.find((file) => file.path.endsWith(".py")) ??
    files[0];
  const toggle = (/** @type {string} */ path) => {
    const next = new Set(closed);
    if (!next.delete(path)) next.add(path);
    setClosed(next);
  };
  return html`${git}
    <div class="split">
      <div class="split-side">
        <${FileTree}
          label="Source"
          folders=${folders}
          open=${open}
          chosen=${chosen.path}
          onToggle=${toggle}
          onChoose=${(/** @type {string} */ path) => shell.change({ other: { ...state.value.other, [CHOSEN]: path } })}
        />
      </div>
      <div class="split-main">
        <header class="split-head">
          <h2 title=${chosen.path}>${chosen.path}</h2>
          <span class="soft">${chosen.size === null ? "" : bytes(chosen.size)}</span>
        </header>
        <${Preview}
          key=${chosen.path}
          path=${chosen.path}
          size=${chosen.size}
          url=""
          plain=${true}
          load=${() => api.getSourceFile(run.id, chosen.path)}
        />
      </div>
    </div>`;
}

/** What git says about the folder of the source. @param {{ run: any }} props */
function Git({ run }) {
  const [open, setOpen] = useState(false);
  const [difference, setDifference] = useState("");
  const facts = new Map([...run.tags, ...run.properties]);
  const commit = facts.get("azureml.git.commit") ?? facts.get("mlflow.source.git.commit");
  const dirty = /^true$/i.test(facts.get("azureml.git.dirty") ?? "");
  useEffect(() => {
    if (!dirty) return;
    api.getFile(run.id, DIFFERENCE, { from: 0, to: MOST_BYTES }).then(
      (bytes) => setDifference(new TextDecoder().decode(bytes)),
      () => setDifference(""), // the run kept none
    );
  }, [run.id, dirty]);
  if (!commit) return null;
  const branch = facts.get("azureml.git.branch") ?? facts.get("mlflow.source.git.branch");
  const place = facts.get("azureml.git.repository_uri") ?? facts.get("mlflow.source.git.repoURL");
  return html`<section class="git" aria-label="Git">
    <div class="row">
      <dl class="facts">
        <div>
          <dt>commit</dt>
          <dd><code title=${commit}>${commit.slice(0, 12)}</code></dd>
        </div>
        ${
          branch &&
          html`<div>
            <dt>branch</dt>
            <dd>${branch}</dd>
          </div>`
        }
        ${
          place &&
          html`<div>
            <dt>repository</dt>
            <dd class="cut">${place}</dd>
          </div>`
        }
        <div>
          <dt>state</dt>
          <dd>
            ${dirty ? html`<span class="badge">dirty</span> <span class="soft">with changes that were not committed</span>` : "clean"}
          </dd>
        </div>
      </dl>
      ${difference && html`<button class="button small" aria-expanded=${open} onClick=${() => setOpen(!open)}>Changes</button>`}
    </div>
    ${open && difference && html`<${SourceText} path="changes.diff" text=${difference} language="diff" />`}
  </section>`;
}
