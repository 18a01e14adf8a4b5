/** A confusion matrix of a run, or its difference to the matrix of another step or of another run. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { number } from "../lib/format.js";
import { Heat } from "../parts/heat.js";
import { HeatDifference } from "../parts/heat_difference.js";
import { sentence } from "../parts/problem.js";

/** The content of a logged chart. @param {string} run @param {string} path @returns {Promise<any>} */
export async function readChart(run, path) {
  const bytes = await api.getFile(run, path);
  return JSON.parse(new TextDecoder().decode(bytes)).data;
}

/** The last confusion matrix that a run logged under a key; null if it logged none. @param {string} run @param {string} key */
export async function lastMatrix(run, key) {
  const { files } = await api.getValues(run, key);
  const file = files.findLast((/** @type {any} */ one) => one.kind === "confusion_matrix");
  return file ? matrixOf(await readChart(run, file.path)) : null;
}

/** @param {any} data @returns {import("../lib/matrices.js").ConfusionMatrix} */
const matrixOf = (data) => ({ classes: data.class_labels ?? [], matrix: data.matrix ?? [] });

/** The key of the address with what is subtracted: `first` or `before` for a step of the run, or a run id. */
export const MINUS = "minus";

/**
 * @param {{
 *   label: string, chart: any, place: number, files: any[], run: any, others: import("./run_beside.js").OtherRun[],
 *   state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell,
 * }} props `place` is the index of the chart among the files of the run.
 */
export function Matrix({ label, chart, place, files, run, others, state, shell }) {
  const [mode, setMode] = useState(/** @type {import("../lib/matrices.js").HeatMode} */ ("counts"));
  const [other, setOther] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const wanted = state.value.other[MINUS] ?? "";
  const choices = [
    ...(files.length > 1 ? [["first", "the first step"], ["before", "the step before"]] : []),
    ...others.map((one) => [one.id, one.name]),
  ];
  const to = choices.find(([id]) => id === wanted);
  const file = wanted === "first" ? files[0] : wanted === "before" ? files[place - 1] : null;
  useEffect(() => {
    let current = true;
    const read = !to ? null : ["first", "before"].includes(wanted) ? file && readChart(run.id, file.path).then(matrixOf) : lastMatrix(wanted, label);
    Promise.resolve(read).then(
      (found) => current && (setOther(found ?? null), setProblem("")),
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [to?.[0], file?.path, label]);
  const choose = (/** @type {Event} */ event) => {
    const { [MINUS]: _, ...rest } = state.value.other;
    const { value } = /** @type {HTMLSelectElement} */ (event.target);
    shell.change({ other: value ? { ...rest, [MINUS]: value } : rest });
  };
  const one = matrixOf(chart);
  const name = file ? `step ${number(file.step)}` : (to?.[1] ?? "");
  return html`${
      choices.length > 0 &&
      html`<div class="file-steps">
        <label class="tool"
          >difference to
          <select class="select small" aria-label=${`Difference of ${label} to`} value=${to ? wanted : ""} onChange=${choose}>
            <option value="">nothing</option>
            ${choices.map(([id, text]) => html`<option key=${id} value=${id}>${text}</option>`)}
          </select></label
        >
        ${problem && html`<span class="metric-problem" role="alert">${problem}</span>`}
        ${to && !other && !problem && html`<span class="soft">${wanted === "before" ? "This is the first step." : "It has no matrix of this name."}</span>`}
      </div>`
    }
    ${
      to && other
        ? html`<${HeatDifference} label=${label} one=${one} other=${other} to=${name} mode=${mode} onMode=${setMode} dark=${shell.dark.value} />`
        : html`<${Heat} label=${label} ...${one} mode=${mode} onMode=${setMode} />`
    }`;
}
