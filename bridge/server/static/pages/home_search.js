/** The results of the search over everything: runs, experiments, keys and files. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { search } from "../data/api.js";
import { plural } from "../lib/format.js";
import { Problem } from "../parts/problem.js";
import { Status } from "../parts/status.js";

const WAIT_MS = 120; // after the last key

/** @typedef {Awaited<ReturnType<typeof search>>} Found */

/** @param {{ text: string, shell: import("../shell.js").Shell }} props */
export function Results({ text, shell }) {
  const found = useSignal(/** @type {Found | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(async () => {
      try {
        const answer = await search(text);
        if (!isOld) [found.value, error.value] = [answer, null];
      } catch (problem) {
        if (!isOld) error.value = problem;
      }
    }, WAIT_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [text]);
  if (error.value) return html`<${Problem} error=${error.value} />`;
  const { runs = [], keys = [], files = [] } = found.value ?? {};
  const total = runs.length + keys.length + files.length;
  return html`<section class="home-results" aria-label="Results" aria-busy=${!found.value}>
    <p class="visually-hidden" role="status">${found.value ? plural(total, "result") : ""}</p>
    <${Group} title="Runs" items=${runs}>${(/** @type {Found["runs"][number]} */ run) => html`
      <a href=${shell.href({ page: "run", id: run.id })}><${Status} status=${run.status} text="" /><bdi>${run.name}</bdi><span class="soft"><bdi>${run.experiment}</bdi></span></a>`}<//>
    <${Group} title="Metrics, params and tags" items=${keys}>${(/** @type {Found["keys"][number]} */ key) => html`
      <a href=${shell.href({ page: "experiment", id: key.experiment_id }, keyState(key))}><bdi>${key.key}</bdi><span class="soft">${key.entity} of ${plural(key.runs, "run")} in <bdi>${key.experiment}</bdi></span></a>`}<//>
    <${Group} title="Files" items=${files}>${(/** @type {Found["files"][number]} */ file) => html`
      <a href=${`${shell.href({ page: "run", id: file.run_id, tab: "files" })}?file=${encodeURIComponent(file.path)}`}><bdi>${file.path}</bdi><span class="soft"><bdi>${file.run}</bdi></span></a>`}<//>
    ${found.value && !total ? html`<p class="soft">No run, metric, param, tag or file contains this text.</p>` : null}
  </section>`;
}

/** @param {{ title: string, items: any[], children: (item: any) => any }} props */
const Group = ({ title, items, children }) =>
  items.length
    ? html`<div class="home-group">
        <h2>${title}</h2>
        <ul>${items.map((item) => html`<li>${children(item)}</li>`)}</ul>
      </div>`
    : null;

/**
 * Return the state of an experiment's page that shows a key: a metric orders the runs, and others become a column.
 *
 * @param {{ entity: string, key: string }} key
 */
function keyState({ entity, key }) {
  const column = `${entity === "property" ? "properties" : `${entity}s`}.${key}`;
  if (entity === "metric") return { sort: [{ column, descending: false }] };
  return { cols: ["name", "status", "start_time", "duration", column] };
}

