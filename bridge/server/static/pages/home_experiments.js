/** The table of experiments on the home page. */

import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { ago, count, plural, time as timeText } from "../lib/format.js";
import { useKeys } from "../parts/keys.js";
import { Bars } from "../parts/spark.js";
import { Status } from "../parts/status.js";

/** The statuses that have a column; all others are in the column of what is queued. */
const SHOWN = [["Running", "running"], ["Completed", "completed"], ["Failed", "failed"], ["Canceled", "canceled"]];

/**
 * @typedef {object} Experiment
 * @property {string} id
 * @property {string} name
 * @property {string} first_line
 * @property {number} runs
 * @property {Record<string, number>} by_status
 * @property {number | null} last_activity
 * @property {number} created
 * @property {number[]} days
 */

/** @param {{ experiments: Experiment[], now: number, shell: import("../shell.js").Shell }} props */
export function ExperimentTable({ experiments, now, shell }) {
  const body = useRef(/** @type {HTMLTableSectionElement | null} */ (null));
  /** @param {number} step */
  const move = (step) => {
    const links = [...(body.current?.querySelectorAll("a") ?? [])];
    const at = links.indexOf(/** @type {any} */ (document.activeElement));
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  useKeys(
    { j: ["Next experiment", () => move(1)], ArrowDown: ["Next experiment", () => move(1)], k: ["Experiment before", () => move(-1)], ArrowUp: ["Experiment before", () => move(-1)] },
    "Experiments",
  );
  return html`<table class="home-table" aria-label="Experiments">
    <thead>
      <tr>
        <th scope="col">Name</th>
        <th scope="col" class="number">Runs</th>
        ${SHOWN.map(([status]) => html`<th scope="col" class="number home-status"><${Status} status=${status} text=${""} /><span class="visually-hidden">${status}</span></th>`)}
        <th scope="col">Last activity</th>
        <th scope="col">Runs a day</th>
        <th scope="col" class="home-note">Note</th>
      </tr>
    </thead>
    <tbody ref=${body}>
      ${experiments.map((one) => html`<${Row} key=${one.id} ...${{ one, now, shell }} />`)}
    </tbody>
  </table>`;
}

/** @param {{ one: Experiment, now: number, shell: import("../shell.js").Shell }} props */
function Row({ one, now, shell }) {
  const today = one.days[one.days.length - 1];
  const month = one.days.reduce((sum, runs) => sum + runs, 0);
  const at = one.last_activity;
  const href = shell.href({ page: "experiment", id: one.id });
  return html`<tr>
    <th scope="row"><a href=${href} title=${one.name}><bdi>${one.name}</bdi></a></th>
    <td class="number">${count(one.runs)}</td>
    ${SHOWN.map(([status, kind]) => {
      const runs = one.by_status[status] ?? 0;
      return html`<td class=${`number home-status ${runs ? kind : "none"}`} data-label=${status}>${runs ? count(runs) : "–"}</td>`;
    })}
    <td class="home-ago" title=${at ? timeText(at, { seconds: true }) : ""}>${at ? ago(at, now) : "no runs"}</td>
    <td class="home-days"><${Bars} counts=${one.days} label=${`${plural(month, "run")} in ${one.days.length} days, ${today} today`} /></td>
    <td class="home-note" title=${plainLine(one.first_line)}><bdi>${plainLine(one.first_line)}</bdi></td>
  </tr>`;
}

/** Return a line of Markdown without its marks. @param {string} line */
const plainLine = (line) =>
  line
    .replace(/^\s*(#+|>|[-*+])\s+/, "")
    .replace(/\[\[([^\]]+)\]\]/g, "$1")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/(\*\*|__|[*`])(?=\S)(.*?\S)\1/g, "$2");
