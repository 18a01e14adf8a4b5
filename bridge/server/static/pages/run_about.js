/** The card About: who ran what, when, where and on which data. */

import { html } from "htm/preact";
import { ago, duration, time } from "../lib/format.js";
import { Status } from "../parts/status.js";
import { isOpen } from "./run_data.js";

/** @param {{ run: any, shell: import("../shell.js").Shell }} props */
export function About({ run, shell }) {
  const properties = new Map(run.properties);
  const tags = new Map(run.tags);
  const commit = properties.get("azureml.git.commit") ?? tags.get("mlflow.source.git.commit");
  const branch = properties.get("azureml.git.branch") ?? tags.get("mlflow.source.git.branch");
  const dirty = /^true$/i.test(properties.get("azureml.git.dirty") ?? "");
  const now = Date.now();
  const lasted = run.start_time === null ? null : (run.end_time ?? (isOpen(run) ? now : NaN)) - run.start_time;
  /** @type {[string, any][]} */
  const rows = [
    ["status", html`<${Status} status=${run.status} /> <span class="soft">${speaker(run, now)}</span>`],
    [
      "started",
      run.start_time === null
        ? "not yet"
        : html`<time title=${time(run.start_time, { seconds: true })}>${time(run.start_time)}</time>`,
    ],
    [
      "duration",
      lasted === null
        ? ""
        : lasted < 0
          ? html`<span
              title=${`started ${time(run.start_time, { seconds: true })}, ended ${time(run.end_time ?? now, { seconds: true })}`}
              >?</span
            >`
          : duration(lasted),
    ],
    ["by", run.user],
    ["type", run.type === "azureml.scriptrun" ? "script run" : (run.type ?? "interactive")],
    [
      "commit",
      commit &&
        html`<a href=${shell.href({ page: "run", id: run.id, tab: "source" })}><code>${commit.slice(0, 7)}</code></a
          >${branch ? html` <span class="soft">${branch}</span>` : ""}${dirty ? html` <span class="badge">dirty</span>` : ""}`,
    ],
    ["source", sourceLine(run, tags)],
    ["environment", environmentLine(run)],
    [
      "data sets",
      run.inputs.length > 0 &&
        html`<ul>
          ${run.inputs.map((/** @type {any} */ input) => html`<li title=${input.source}>${input.name} <code class="soft">${input.digest}</code></li>`)}
        </ul>`,
    ],
    [
      "models",
      run.model_outputs.length > 0 &&
        html`<ul>
          ${run.model_outputs.map((/** @type {any} */ output) => html`<li><code>${output.id}</code> <span class="soft">step ${output.step}</span></li>`)}
        </ul>`,
    ],
    ["uses models", run.model_inputs.length > 0 && run.model_inputs.join(", ")],
    ["id", html`<code class="run-id">${run.id}</code>`],
  ];
  return html`<section class="card" aria-label="About">
    <header>
      <h2>About</h2>
      <span class="count">run ${run.number}</span>
    </header>
    <dl class="pairs about">
      ${rows
        .filter(([, value]) => value)
        .map(
          ([name, value]) =>
            html`<div key=${name}>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
    </dl>
  </section>`;
}

/** How long ago a time was, as a part of a sentence. @param {number} at @param {number} now */
function since(at, now) {
  const text = ago(at, now);
  return text === "now" ? "just now" : /^\d{4}-/.test(text) ? text : `${text} ago`;
}

/** Who reports the status, or how long ago the run ended. @param {any} run @param {number} now */
function speaker(run, now) {
  if (!isOpen(run)) return run.end_time ? since(run.end_time, now) : "";
  if (!run.owner) return run.status === "NotResponding" ? "its process stopped reporting" : "no process owns this run";
  return `reported by process ${run.owner.journal.slice(0, 8)}, which owns the run`;
}

/** The environment in one line: its name, its Python, the computer and its GPUs, and where the script runs. @param {any} run */
function environmentLine(run) {
  const environment = run.definition?.environment;
  const python = environment?.python?.interpreterPath;
  const { recorded } = run;
  const version = recorded?.python ? `Python ${recorded.python}` : python === "python" ? "" : python;
  const [gpu, ...others] = recorded?.gpus ?? [];
  const gpus = gpu && (others.length ? `${others.length + 1} × ${gpu}` : gpu);
  return [environment?.name, version, recorded?.host, gpus, run.definition?.target].filter(Boolean).join(", ");
}

/** The script with its arguments. @param {any} run @param {Map<string, string>} tags */
function sourceLine(run, tags) {
  const { script, command, arguments: own } = run.definition ?? {};
  const text = command || [script, ...(Array.isArray(own) ? own : [])].filter(Boolean).join(" ");
  return text ? html`<code>${text}</code>` : tags.get("mlflow.source.name");
}
