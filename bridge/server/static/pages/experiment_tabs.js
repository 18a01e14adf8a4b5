/** The tabs of an experiment on its pages Compare and Notes. */

import { html } from "htm/preact";
import { count } from "../lib/format.js";

/**
 * @param {object} props
 * @param {string} props.id
 * @param {number | null} props.runs the number of runs, if it is known
 * @param {"compare" | "notes"} props.current
 * @param {import("../shell.js").Shell} props.shell
 */
export const ExperimentTabs = ({ id, runs, current, shell }) =>
  html`<div class="experiment-bar">
    <nav class="tabs" aria-label="Experiment">
      <a href=${shell.href({ page: "experiment", id })}>Runs ${runs === null ? null : html`<span class="count">${count(runs)}</span>`}</a>
      <a href=${shell.href({ page: "compare", id })} aria-current=${current === "compare" ? "page" : undefined}>Compare</a>
      <a href=${shell.href({ page: "notes", id })} aria-current=${current === "notes" ? "page" : undefined}>Notes</a>
    </nav>
  </div>`;
