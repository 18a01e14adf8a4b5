/** How the sources of two of the compared runs differ. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { getDifference } from "../data/api.js";
import { plural } from "../lib/format.js";
import { Difference } from "../parts/difference.js";
import { Problem } from "../parts/problem.js";

/** @typedef {import("./compare_data.js").Run} Run */

const SIGNS = { changed: "~", added: "+", removed: "-" };

/** @param {{ runs: Run[], base: string, shell: import("../shell.js").Shell }} props */
export function SourceDifference({ runs, base }) {
  const kept = runs.filter((run) => run.source?.length);
  const leftId = useSignal("");
  const rightId = useSignal("");
  const left = kept.find((run) => run.id === leftId.value) ?? kept.find((run) => run.id === base) ?? kept[0];
  const right = kept.find((run) => run.id === rightId.value && run !== left) ?? kept.find((run) => run !== left && textOf(run) !== textOf(left)) ?? kept.find((run) => run !== left);
  const sources = new Set(kept.map(textOf)).size;
  return html`<section class="compare-part" id="source" aria-label="Source">
    <header class="part-head">
      <h2>Source</h2>
      ${kept.length > 1 ? html`<span class="soft part-hint">${sources === 1 ? `The source of ${kept.length === runs.length ? "all runs" : plural(kept.length, "run")} is the same` : `${sources} different sources in ${plural(kept.length, "run")}`}</span>` : null}
      <span class="grow"></span>
      ${left && right ? html`<${RunChoice} label="From" runs=${kept} value=${left.id} onChange=${(/** @type {string} */ id) => (leftId.value = id)} />
        <${RunChoice} label="To" runs=${kept.filter((run) => run !== left)} value=${right.id} onChange=${(/** @type {string} */ id) => (rightId.value = id)} />` : null}
    </header>
    ${left && right
      ? html`<${Files} key=${`${left.id} ${right.id}`} left=${left.id} right=${right.id} />`
      : html`<p class="soft">${kept.length ? "Only one of these runs has a snapshot of its source." : "None of these runs has a snapshot of its source. A run keeps one if it is started with submit or with a source folder."}</p>`}
  </section>`;
}

/** @param {Run} run */
const textOf = (run) => JSON.stringify(run?.source ?? null);

/** @param {{ label: string, runs: Run[], value: string, onChange: (id: string) => void }} props */
export const RunChoice = ({ label, runs, value, onChange }) =>
  html`<label class="choice"><span class="soft">${label}</span>
    <select class="select small" value=${value} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
      ${runs.map((run) => html`<option key=${run.id} value=${run.id} selected=${run.id === value}>${run.name}</option>`)}
    </select></label>`;

/** @typedef {{ path: string, kind: "changed" | "added" | "removed" }} File */

/** @param {{ left: string, right: string }} props */
function Files({ left, right }) {
  const files = useSignal(/** @type {File[] | null} */ (null));
  const same = useSignal(0);
  const chosen = useSignal("");
  const texts = useSignal(/** @type {{ path: string, left: string | null, right: string | null } | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  useEffect(() => {
    getDifference(left, right).then(
      (found) => {
        /** @param {"changed" | "added" | "removed"} kind @returns {File[]} */
        const of = (kind) => found[kind].map((/** @type {{ path: string }} */ file) => ({ path: file.path, kind }));
        files.value = [...of("changed"), ...of("added"), ...of("removed")];
        same.value = found.same;
        if (files.value.length) chosen.value = files.value[0].path;
      },
      (problem) => (error.value = problem),
    );
  }, []);
  useEffect(() => {
    const path = chosen.value;
    if (!path) return;
    error.value = null;
    getDifference(left, right, { path }).then(
      (found) => {
        if (chosen.peek() === path) texts.value = found;
      },
      (problem) => (error.value = problem),
    );
  }, [chosen.value]);
  if (!files.value) return error.value ? html`<${Problem} error=${error.value} />` : null;
  if (!files.value.length) return html`<p class="soft">${same.value === 1 ? "The only file is equal." : `All ${plural(same.value, "file")} are equal.`}</p>`;
  return html`<div class="source-files">
    <ul aria-label="Files that differ">
      ${files.value.map(({ path, kind }) => html`<li key=${path}><button class=${`source-file ${kind}`} aria-pressed=${path === chosen.value} onClick=${() => (chosen.value = path)}>
        <span class="source-sign" aria-hidden="true">${SIGNS[kind]}</span><span class="cut" title=${path}>${path}</span><span class="visually-hidden">${kind}</span></button></li>`)}
      <li class="soft">${plural(same.value, "equal file")}</li>
    </ul>
    <div class="source-difference">
      ${error.value ? html`<${Problem} error=${error.value} />` : texts.value ? html`<${Difference} key=${texts.value.path} path=${texts.value.path} left=${texts.value.left} right=${texts.value.right} />` : null}
    </div>
  </div>`;
}
