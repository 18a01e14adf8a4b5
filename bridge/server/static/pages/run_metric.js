/** What a card of a metric shows: the chart of its kind. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { exact, number } from "../lib/format.js";
import { decoded } from "../lib/kinds.js";
import { Bands, shownWord } from "../parts/bands.js";
import { AccuracyCurves, Predictions, Residuals } from "../parts/curves.js";
import { Gallery } from "../parts/gallery.js";
import { sentence } from "../parts/problem.js";
import { ValueTable } from "../parts/value_tables.js";
import { albumOf } from "./run_images.js";
import { MetricLine } from "./run_line.js";
import { Matrix, readChart } from "./run_matrix.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */
/** @typedef {import("../lib/kinds.js").ChartKind} ChartKind */

/** @param {{ metric: Metric, kind: ChartKind } & Record<string, any>} props */
export function Body({ metric, kind, ...rest }) {
  if (kind === "line") return html`<${MetricLine} metric=${metric} ...${rest} />`;
  if (kind === "value" || kind === "word") return html`<${One} metric=${metric} kind=${kind} />`;
  return html`<${Logged} metric=${metric} kind=${kind} ...${rest} />`;
}

/** A metric that has one value. @param {{ metric: Metric, kind: ChartKind }} props */
function One({ metric, kind }) {
  const facts = metric.series.find(
    (one) => one.kind === "scalar" && one.type === (kind === "word" ? "text" : "number"),
  );
  if (!facts) return null;
  if (kind === "word") return html`<p class="metric-one">${shownWord(facts.last)}</p>`;
  return html`<p class="metric-one" title=${exact(facts.last)}>${number(facts.last, 6)}</p>`;
}

/** The kinds whose values come with one request for the key. @param {{ metric: Metric, kind: ChartKind } & Record<string, any>} props */
function Logged({ metric, kind, run, large, others, state, shell }) {
  const [values, setValues] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const last = metric.series.map((one) => one.points).join();
  useEffect(() => {
    let current = true;
    api.getValues(run.id, metric.key).then(
      (found) => current && (setValues(found), setProblem("")),
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [run.id, metric.key, last]);
  if (problem) return html`<p class="metric-problem" role="alert">${problem}</p>`;
  if (!values) return null;
  if (kind === "bands") return html`<${Words} metric=${metric} points=${values.points} />`;
  if (kind === "table") return html`<${Table} metric=${metric} table=${values.table} large=${large} />`;
  if (kind === "images") return html`<${Shots} album=${albumOf(run.id, values)} />`;
  return html`<${FileChart}
    metric=${metric}
    kind=${kind}
    run=${run}
    others=${others}
    state=${state}
    shell=${shell}
    files=${values.files.filter((/** @type {any} */ file) => file.kind === kind)}
  />`;
}

/** @param {{ metric: Metric, points: any }} props */
function Words({ metric, points }) {
  const order = points.steps
    .map((/** @type {number} */ _, /** @type {number} */ at) => at)
    .sort((/** @type {number} */ a, /** @type {number} */ b) => points.steps[a] - points.steps[b] || a - b);
  const x = order.map((/** @type {number} */ at) => points.steps[at]);
  return html`<${Bands}
    label=${metric.key}
    x=${x}
    words=${order.map((/** @type {number} */ at) => points.values[at])}
  />`;
}

/** @param {{ metric: Metric, table: any, large: boolean }} props */
function Table({ metric, table, large }) {
  const columns = Object.fromEntries(
    Object.entries(table.columns).map(([name, values]) => [name, decoded(/** @type {any[]} */ (values))]),
  );
  const rows = Object.values(columns)[0]?.length ?? 0;
  return html`<${ValueTable}
    label=${metric.key}
    columns=${columns}
    steps=${table.steps}
    total=${table.first + rows}
    height=${large ? 520 : 220}
  />`;
}

/** @param {{ album: import("../parts/gallery.js").Album }} props */
function Shots({ album }) {
  const [step, setStep] = useState(/** @type {number | null} */ (null));
  return html`<${Gallery} albums=${[album]} step=${step} onStep=${setStep} bare=${true} />`;
}

/** A chart that is logged as a file: the last one, or an earlier one of the slider. @param {any} props */
function FileChart({ metric, kind, run, files, others, state, shell }) {
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [chart, setChart] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const [form, setForm] = useState("roc");
  const place = at === null ? files.length - 1 : Math.min(at, files.length - 1);
  const file = files[place];
  useEffect(() => {
    let current = true;
    if (!file) return undefined;
    readChart(run.id, file.path).then(
      (found) => current && (setChart(found), setProblem("")),
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [file?.path]);
  if (problem) return html`<p class="metric-problem" role="alert">${problem}</p>`;
  const label = metric.key;
  return html`<div>
    ${
      files.length > 1 &&
      html`<div class="file-steps">
        <input
          type="range"
          class="slider"
          aria-label=${`Step of ${label}`}
          min="0"
          max=${files.length - 1}
          value=${place}
          onInput=${(/** @type {Event} */ event) => setAt(Number(/** @type {HTMLInputElement} */ (event.target).value))}
        />
        <span>step <b>${number(file.step)}</b> <span class="soft">${place + 1} of ${files.length}</span></span>
      </div>`
    }
    ${chart && kind === "confusion_matrix" && html`<${Matrix} ...${{ label, chart, place, files, run, others, state, shell }} />`}
    ${chart && kind === "accuracy_table" && html`<${AccuracyCurves} label=${label} data=${chart} kind=${form} onKind=${setForm} />`}
    ${chart && kind === "residuals" && html`<${Residuals} label=${label} data=${chart} />`}
    ${chart && kind === "predictions" && html`<${Predictions} label=${label} data=${chart} />`}
  </div>`;
}
