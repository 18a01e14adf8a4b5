/** The tab Overview: what a person wants to know first. */

import { html } from "htm/preact";
import * as api from "../data/api.js";
import { Note } from "../parts/note.js";
import { About } from "./run_about.js";
import { Latest } from "./run_latest.js";
import { LogOf } from "./run_logs.js";
import { Tags } from "./run_tags.js";

/** Tags and properties that MLflow or the launcher set for machines. @param {string} key */
const isMachine = (key) =>
  /^(mlflow|azureml|runbridge)\./.test(key) || key === "ContentSnapshotId" || key.startsWith("bridge.");

/** @param {{ run: any, data: import("./run_data.js").RunData, metrics: import("../lib/kinds.js").Metric[] | null, shell: import("../shell.js").Shell, editing: boolean, onEditing: (editing: boolean) => void }} props */
export function Overview({ run, data, metrics, shell, editing, onEditing }) {
  const note = run.description ?? "";
  const writable = shell.role !== "reader";
  const save = async (/** @type {string} */ text) => {
    await api.updateRuns([run.id], { description: text });
    await data.load();
  };
  const linkOf = (/** @type {string} */ name) =>
    shell.href(
      { page: "experiment", id: run.experiment.id },
      { q: `attributes.run_name = '${name.replaceAll("'", "")}'` },
    );
  return html`<div class="overview">
    <${Failure} run=${run} />
    ${
      run.warnings.length > 0 &&
      html`<section class="notice warn" aria-label="Warnings">
        <ul>
          ${run.warnings.map((/** @type {string} */ text) => html`<li key=${text}>${text}</li>`)}
        </ul>
      </section>`
    }
    ${(note || writable) && html`<section class="overview-note" aria-label="Note"><${Note} text=${note} writable=${writable} onSave=${save} linkOf=${linkOf} editing=${editing} onEditing=${onEditing} /></section>`}
    <div class="overview-cards">
      <${Params} params=${run.params} />
      <${Latest} run=${run} data=${data} metrics=${metrics} shell=${shell} />
      <${About} run=${run} shell=${shell} />
    </div>
    <${Tags}
      run=${run}
      tags=${run.tags.filter((/** @type {[string, string]} */ [key]) => !isMachine(key))}
      writable=${writable}
      onChange=${() => data.load()}
    />
    <${LogOf} run=${run} data=${data} shell=${shell} short=${true} />
  </div>`;
}

/** The error of a failed run: its first line, and below it the trace or the other lines. @param {{ run: any }} props */
function Failure({ run }) {
  if (!run.error) return null;
  const error = typeof run.error === "string" ? { message: run.error } : run.error;
  const inner = error.error ?? error;
  const [message, ...lines] = String(inner.message ?? "").split("\n");
  const trace = inner.debugInfo?.stackTrace ?? inner.debug_stack_trace ?? inner.traceback ?? "";
  const rest = String(trace || lines.join("\n") || (message ? "" : JSON.stringify(error, null, 2)));
  return html`<section class="failure" aria-label="Error">
    <div class="failure-head">
      <span class="status-bad" aria-hidden="true">✕</span>
      <b>${message || inner.code || "The run failed."}</b>
      ${message && inner.code && inner.code !== "UserError" ? html`<span class="badge">${inner.code}</span>` : ""}
    </div>
    ${rest && html`<pre class="failure-trace" tabindex="0" role="region" aria-label="Trace">${rest.trimEnd()}</pre>`}
  </section>`;
}

/** @param {{ params: [string, string][] }} props */
function Params({ params }) {
  return html`<section class="card" aria-label="Params">
    <header>
      <h2>Params</h2>
      <span class="count">${params.length || ""}</span>
    </header>
    ${
      params.length
        ? html`<dl class="pairs">
            ${params.map(
              ([key, value]) =>
                html`<div key=${key}>
                  <dt title=${key}>${key}</dt>
                  <dd title=${value}>${value}</dd>
                </div>`,
            )}
          </dl>`
        : html`<p class="card-empty soft">No params. <code>run.log_param("lr", 3e-4)</code> logs one.</p>`
    }
  </section>`;
}
