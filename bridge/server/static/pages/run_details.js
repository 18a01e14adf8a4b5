/** The tab Details: environment, definition, properties, and everything as JSON. */

import { html } from "htm/preact";
import { environmentOf } from "../lib/environment.js";
import { time } from "../lib/format.js";
import { JsonNode } from "../parts/preview.js";

/** @param {{ run: any }} props */
export function Details({ run }) {
  const properties = run.properties;
  const machine = run.tags.filter((/** @type {[string, string]} */ [key]) => /^(mlflow|azureml|runbridge)\./.test(key));
  const { facts, packages, variables } = environmentOf(run);
  const times = [
    ["started", run.start_time],
    ["ended", run.end_time],
    ["archived", run.deletion_time],
  ]
    .filter(([, at]) => at !== null && at !== undefined)
    .map(([name, at]) => [name, time(at, { seconds: true })]);
  return html`<div class="details">
    <${Pairs}
      title="Run"
      pairs=${[["id", run.id], ["name", run.name], ["number", String(run.number)], ["experiment", `${run.experiment.name} (${run.experiment.id})`], ["status", run.status], ...times]}
    />
    <${Pairs} title="Environment" pairs=${[...facts]} />
    ${packages.size > 0 && html`<${Pairs} title="Packages" pairs=${[...packages]} form="short" />`}
    ${variables.size > 0 && html`<${Pairs} title="Environment variables" pairs=${[...variables]} />`}
    ${run.definition && html`<${Tree} title="Definition as submitted" value=${run.definition} />`}
    <${Pairs} title="Properties" pairs=${properties} />
    ${machine.length > 0 && html`<${Pairs} title="Tags of tools" pairs=${machine} />`}
    ${run.inputs.length > 0 && html`<${Tree} title="Data sets" value=${run.inputs} />`}
    <${Tree} title="JSON" value=${run} />
  </div>`;
}

/** @param {{ title: string, pairs: [string, string | null][], form?: string }} props `form` is `short` for many short values */
function Pairs({ title, pairs, form = "wide" }) {
  return html`<section class="card" aria-label=${title}>
    <header>
      <h2>${title}</h2>
      <span class="count">${pairs.length}</span>
    </header>
    ${
      pairs.length
        ? html`<dl class=${`pairs ${form}`}>
            ${pairs.map(
              ([key, value]) =>
                html`<div key=${key}>
                  <dt title=${key}>${key}</dt>
                  <dd>${value ?? ""}</dd>
                </div>`,
            )}
          </dl>`
        : html`<p class="card-empty soft">None.</p>`
    }
  </section>`;
}

/** @param {{ title: string, value: unknown }} props */
function Tree({ title, value }) {
  return html`<section class="card" aria-label=${title}>
    <header><h2>${title}</h2></header>
    <div class="card-body json"><${JsonNode} value=${value} open=${title !== "JSON"} /></div>
  </section>`;
}
