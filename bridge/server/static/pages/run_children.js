/** The tab Children: the runs below a run as a tree, each level loaded when it is opened. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { count, duration, number, time } from "../lib/format.js";
import { Icon } from "../parts/icon.js";
import { Empty, Problem } from "../parts/problem.js";
import { Status } from "../parts/status.js";

/** The greatest number of metrics with a column, and of children that are read at once. */
const COLUMNS = 5;
const PAGE = 200;
const DEEPEST = 40;

/** @typedef {{ id: string, name: string, status: string, start: number, duration: number, values: (number | null)[] }} Child */

/** @param {{ run: any, data: import("./run_data.js").RunData, shell: import("../shell.js").Shell, state: import("@preact/signals").Signal<any> }} props */
export function Children({ run, data, shell }) {
  const [keys, setKeys] = useState(/** @type {string[] | null} */ (null));
  const tick = data.series.value;
  useEffect(() => {
    api.getKeys(run.experiment.id, { entity: "metric", limit: 200 }).then(
      ({ keys: found }) => {
        const numbers = found.filter(
          (key) => key.type === "number" && key.kind === "scalar" && !key.key.startsWith("system/"),
        );
        setKeys(numbers.slice(0, COLUMNS).map((key) => key.key));
      },
      () => setKeys([]),
    );
  }, [run.experiment.id]);
  if (!run.children)
    return html`<${Empty}
      title="No children"
      code=${'with run.child_run(name="fold 1") as child:\n    child.log("loss", 0.3)'}
      >Runs that are started inside this run are shown here.<//
    >`;
  if (!keys) return null;
  return html`<div class="children">
    <table class="table" aria-label="Children">
      <thead>
        <tr>
          <th scope="col">name</th>
          <th scope="col">status</th>
          <th scope="col">started</th>
          <th scope="col" class="number">duration</th>
          ${keys.map((key) => html`<th key=${key} scope="col" class="number" title=${key}>${key}</th>`)}
        </tr>
      </thead>
      <tbody>
        <${Level}
          experiment=${run.experiment.id}
          parent=${run.id}
          keys=${keys}
          shell=${shell}
          depth=${0}
          tick=${tick}
          expected=${run.children}
        />
      </tbody>
    </table>
  </div>`;
}

/**
 * The rows of the children of one run, each followed by those of its own children if it is open.
 * @param {{ experiment: string, parent: string, keys: string[], shell: import("../shell.js").Shell, depth: number, tick: number, expected?: number }} props
 */
function Level({ experiment, parent, keys, shell, depth, tick }) {
  const [children, setChildren] = useState(/** @type {Child[] | null} */ (null));
  const [total, setTotal] = useState(0);
  const [limit, setLimit] = useState(PAGE);
  const [open, setOpen] = useState(/** @type {Set<string>} */ (new Set()));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const wide = 4 + keys.length;
  useEffect(() => {
    let current = true;
    childrenOf(experiment, parent, keys, limit).then(
      (found) => {
        if (!current) return;
        setChildren(found.children);
        setTotal(found.total);
      },
      (error) => current && setProblem(error),
    );
    return () => {
      current = false;
    };
  }, [parent, limit, tick]);
  if (problem)
    return html`<tr>
      <td colspan=${wide}><${Problem} error=${problem} /></td>
    </tr>`;
  if (!children) return null;
  if (!children.length)
    return html`<tr>
      <td colspan=${wide} class="soft" style=${{ paddingLeft: `${8 + depth * 18}px` }}>No children.</td>
    </tr>`;
  const toggle = (/** @type {string} */ id) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return html`${children.map(
    (child) =>
      html` <tr key=${child.id}>
          <td class="child-name" style=${{ paddingLeft: `${8 + Math.min(depth, DEEPEST) * 18}px` }}>
            <button
              class="button quiet small icon"
              aria-label=${`Children of ${child.name}`}
              aria-expanded=${open.has(child.id)}
              onClick=${() => toggle(child.id)}
            >
              <${Icon} name=${open.has(child.id) ? "down" : "right"} />
            </button>
            <a href=${shell.href({ page: "run", id: child.id })} title=${child.name}>${child.name}</a>
          </td>
          <td><${Status} status=${child.status} /></td>
          <td class="soft">${Number.isFinite(child.start) ? time(child.start) : ""}</td>
          <td class="number soft">${Number.isNaN(child.duration) ? "" : duration(child.duration)}</td>
          ${child.values.map((value, at) => html`<td key=${keys[at]} class="number">${value === null ? "" : number(value)}</td>`)}
        </tr>
        ${open.has(child.id) && html`<${Level} key=${`${child.id} below`} experiment=${experiment} parent=${child.id} keys=${keys} shell=${shell} depth=${depth + 1} tick=${tick} />`}`,
  )}
  ${
    total > children.length &&
    html`<tr>
      <td colspan=${wide}>
        <button class="button small" onClick=${() => setLimit(limit + 1000)}>
          Show more of ${count(total)} children
        </button>
      </td>
    </tr>`
  }`;
}

/** @param {string} experiment @param {string} parent @param {string[]} keys @param {number} limit */
async function childrenOf(experiment, parent, keys, limit) {
  const cols = ["name", "status", "start_time", "duration", ...keys.map((key) => `metrics.${key}`)];
  const table = await api.getTable(experiment, { below: parent, cols, limit, sort: "number" });
  return { total: table.total, children: rowsOf(table, keys) };
}

/** @param {any} table @param {string[]} keys @returns {Child[]} */
function rowsOf(table, keys) {
  const text = (/** @type {string} */ name, /** @type {number} */ at) =>
    table.columns[name].words?.[table.columns[name].values[at]] ?? "";
  return table.ids.map((/** @type {string} */ id, /** @type {number} */ at) => ({
    id,
    name: text("name", at) || id.slice(0, 8),
    status: text("status", at),
    start: table.columns.start_time.values[at],
    duration: table.columns.duration.values[at],
    values: keys.map((key) => valueOf(table.columns[`metrics.${key}`], at)),
  }));
}

/** @param {any} column @param {number} at */
const valueOf = (column, at) =>
  (column.present ? column.present[at] : !Number.isNaN(column.values[at])) ? column.values[at] : null;
