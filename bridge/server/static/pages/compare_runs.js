/** The compared runs: their names with their colours, and the bar that adds and removes them. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { getTable, search } from "../data/api.js";
import { runColour } from "../lib/colour.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icon.js";
import { Status } from "../parts/status.js";

/** @typedef {import("../lib/compare.js").ComparedRun} ComparedRun */
/** @typedef {import("../shell.js").Shell} Shell */

/** A run's name after the dot of its colour. @param {{ run: ComparedRun, shell: Shell, isBase?: boolean }} props */
export function RunLink({ run, shell, isBase = false }) {
  const { colour } = runColour(run.number, shell.dark.value);
  return html`<span class="run-link">
    <span class="run-dot" style=${{ background: colour }} aria-hidden="true"></span>
    <a href=${shell.href({ page: "run", id: run.id })} title=${run.name}><bdi>${run.name}</bdi></a>
    ${isBase ? html`<span class="run-base">baseline</span>` : null}
  </span>`;
}

/**
 * @param {object} props
 * @param {ComparedRun[]} props.runs
 * @param {string} props.base
 * @param {string} props.experiment the id of the experiment in which runs are found, or empty for all
 * @param {Shell} props.shell
 */
export function RunBar({ runs, base, experiment, shell }) {
  const isAdding = useSignal(false);
  const ids = runs.map((run) => run.id);
  /** @param {string} id */
  const remove = (id) => shell.change({ runs: ids.filter((one) => one !== id), ...(base === id ? { base: "" } : {}) });
  return html`<div class="run-bar">
    <ul aria-label="Compared runs">
      ${runs.map(
        (run) => html`<li key=${run.id} class=${run.id === base ? "is-base" : ""}>
          <${RunLink} run=${run} shell=${shell} />
          <button class="run-button" aria-pressed=${run.id === base} aria-label=${`Baseline: ${run.name}`} title="Baseline: differences are to this run (b)"
            onClick=${() => shell.change({ base: run.id === base ? "" : run.id })}><${Icon} name="pin" /></button>
          <button class="run-button" aria-label=${`Remove ${run.name}`} title="Remove" onClick=${() => remove(run.id)}><${Icon} name="close" /></button>
        </li>`,
      )}
    </ul>
    <button class="button small" onClick=${() => (isAdding.value = true)}><${Icon} name="plus" />Add runs</button>
    ${experiment ? html`<a class="button quiet small" href=${shell.href({ page: "compare", id: experiment })}>All runs</a>` : null}
    ${isAdding.value ? html`<${AddRuns} experiment=${experiment} ids=${ids} onAdd=${(/** @type {string} */ id) => shell.change({ runs: [...ids, id] })} onClose=${() => (isAdding.value = false)} />` : null}
  </div>`;
}

/** @typedef {{ id: string, name: string, status: string, place: string }} Choice */

/**
 * @param {string} experiment
 * @param {string} text
 * @returns {Promise<Choice[]>}
 */
async function choices(experiment, text) {
  if (!experiment) {
    if (!text) return [];
    const { runs } = await search(text);
    return runs.map((/** @type {any} */ run) => ({ id: run.id, name: run.name, status: run.status, place: run.experiment ?? "" }));
  }
  const pattern = text.replace(/['"]/g, "_");
  const q = text ? `attributes.run_name ILIKE '%${pattern}%'` : "";
  const { ids, columns } = await getTable(experiment, { q, cols: ["name", "status"], sort: "-start_time", limit: 50 });
  const word = (/** @type {string} */ column, /** @type {number} */ at) => columns[column].words?.[columns[column].values[at]] ?? "";
  return ids.map((id, at) => ({ id, name: word("name", at), status: word("status", at), place: "" }));
}

/** @param {{ experiment: string, ids: string[], onAdd: (id: string) => void, onClose: () => void }} props */
function AddRuns({ experiment, ids, onAdd, onClose }) {
  const text = useSignal("");
  const found = useSignal(/** @type {Choice[]} */ ([]));
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => choices(experiment, text.value.trim()).then((runs) => { if (!isOld) found.value = runs; }, () => {}), 120);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [text.value, experiment]);
  const open = found.value.filter((run) => !ids.includes(run.id));
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key === "Enter" && open.length) onAdd(open[0].id);
  };
  return html`<${Dialog} label="Add runs" onClose=${onClose}>
    <div class="dialog-content add-runs">
      <input class="field" type="search" aria-label="Name of a run" placeholder="Name of a run" autofocus value=${text.value} onKeyDown=${onKey}
        onInput=${(/** @type {any} */ event) => (text.value = event.currentTarget.value)} />
      <ul aria-label="Runs">
        ${open.map((run) => html`<li key=${run.id}><button class="menu-item" onClick=${() => onAdd(run.id)}>
          <${Status} status=${run.status} text="" /><bdi class="cut">${run.name}</bdi><span class="menu-hint">${run.place}</span></button></li>`)}
        ${open.length ? null : html`<li class="soft">${text.value || experiment ? "No other run has this name." : "Type a part of a run's name."}</li>`}
      </ul>
    </div>
  <//>`;
}
