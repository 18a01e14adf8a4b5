/** The line chart of one metric of one run, and the tools that all line charts of the page share. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { number, plural } from "../lib/format.js";
import { runColour } from "../lib/colour.js";
import { Lines } from "../parts/lines.js";
import { toLine } from "../parts/lines_data.js";
import { sentence } from "../parts/problem.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */

const HEIGHT = 212;
const LARGE = 460;

/**
 * @param {{
 *   metric: Metric, run: any, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell,
 *   read: import("./run_data.js").SeriesReader, others: import("./run_beside.js").OtherRun[], hover: any, large: boolean,
 * }} props
 */
export function MetricLine({ metric, run, state, shell, read, others, hover, large }) {
  const [lines, setLines] = useState(/** @type {any[] | null} */ (null));
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState("");
  const [extent, setExtent] = useState(/** @type {any} */ (null));
  const whole = state.value.other.outliers !== "hide";
  const facts = metric.series.find((one) => one.kind === "scalar" && one.type === "number");
  const dark = shell.dark.value;
  const { x, y, range, smooth, kind } = state.value;
  const wanted = [run, ...others];
  useEffect(() => {
    let current = true;
    read(metric.key).then(
      (found) => {
        if (!current) return;
        setLines(found.map((series) => lineOf(series, wanted, dark)));
        setVersion((before) => before + 1);
        setProblem("");
      },
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [read, metric.key, facts?.points, dark, wanted.map((one) => one.number).join()]);
  if (problem) return html`<p class="metric-problem" role="alert">${problem}</p>`;
  if (!lines) return null;
  const notes = notesOf(extent, y === "log", lines[0]);
  return html`<div class="metric-line">
    <${Lines}
      name=${metric.key}
      lines=${lines}
      version=${version}
      x=${x}
      log=${y === "log"}
      clip=${!whole}
      range=${range}
      smoothing=${smooth}
      smoothKind=${kind}
      theme=${dark ? "dark" : "light"}
      height=${large ? LARGE : HEIGHT}
      hover=${hover}
      onExtent=${setExtent}
      onZoom=${(/** @type {number} */ low, /** @type {number} */ high) => shell.change({ range: [low, high] })}
      onReset=${() => shell.change({ range: null })}
    />
    ${notes.length > 0 && html`<p class="metric-notes">${notes.map(([text, press]) => (press ? html`<button key=${text} onClick=${() => toggleOutliers(state, shell)}>${text}</button>` : html`<span key=${text}>${text}</span>`))}</p>`}
    <p class="visually-hidden">
      ${facts ? `${metric.key}: ${plural(facts.points, "point")}, from ${number(facts.minimum ?? NaN)} to ${number(facts.maximum ?? NaN)}, latest ${number(facts.last)} at step ${facts.step}.` : ""}
    </p>
  </div>`;
}

/**
 * The line of a run. Its dashes are those of its number only if there are other lines.
 * @param {import("../data/series.js").Sampled} series
 * @param {{ id: string, name: string, number: number }[]} runs
 * @param {boolean} dark
 */
function lineOf(series, runs, dark) {
  const own = runs.find((one) => one.id === series.run) ?? runs[0];
  const { colour, dash } = runColour(own.number, dark);
  return toLine(/** @type {any} */ (series), {
    name: own.name || own.id.slice(0, 8),
    colour,
    dash: runs.length > 1 ? dash : [],
  });
}

/** What the chart does not show as a point of its line. @param {any} extent @param {boolean} log @param {any} line @returns {[string, boolean][]} */
function notesOf(extent, log, line) {
  /** @type {[string, boolean][]} */
  const notes = [];
  if (extent?.above) notes.push([`${plural(extent.above, "point")} outside ↑`, true]);
  if (extent?.below) notes.push([`${plural(extent.below, "point")} outside ↓`, true]);
  if (log && extent?.lost) notes.push([`${plural(extent.lost, "point")} ≤ 0 not shown`, false]);
  if (line?.nans) notes.push([`${line.nans} NaN`, false]);
  if (line?.infinities) notes.push([`${line.infinities} infinite`, false]);
  return notes;
}

const AXES = /** @type {const} */ ([
  ["step", "step"],
  ["time", "time"],
  ["relative", "relative time"],
]);

/** @param {import("@preact/signals").Signal<any>} state @param {import("../shell.js").Shell} shell */
export const toggleOutliers = (state, shell) =>
  shell.change({ other: { ...state.value.other, outliers: state.value.other.outliers === "hide" ? "" : "hide" } });

/** @param {import("@preact/signals").Signal<any>} state @param {import("../shell.js").Shell} shell */
export const toggleLog = (state, shell) => shell.change({ y: state.value.y === "log" ? "linear" : "log" });

/** @param {{ state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell, hasLines: boolean }} props */
export function LineTools({ state, shell, hasLines }) {
  const { x, y, smooth, range, other } = state.value;
  if (!hasLines) return null;
  const valueOf = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value;
  return html`<label class="tool"
      >x
      <select
        class="select small"
        aria-label="Horizontal axis"
        value=${x}
        onChange=${(/** @type {Event} */ event) => shell.change({ x: valueOf(event), range: null })}
      >
        ${AXES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
      </select></label
    >
    <label class="tool"
      >smooth
      <input
        type="range"
        class="slider"
        min="0"
        max="0.99"
        step="0.01"
        aria-label="Smoothing"
        value=${smooth}
        onInput=${(/** @type {Event} */ event) => shell.change({ smooth: Number(valueOf(event)) }, "replace")}
      /><output>${smooth ? smooth.toFixed(2) : "off"}</output></label
    >
    <button
      class="button small"
      aria-pressed=${y === "log"}
      title="Logarithmic y (l)"
      onClick=${() => shell.change({ y: y === "log" ? "linear" : "log" })}
    >
      log y
    </button>
    <button
      class="button small"
      aria-pressed=${other.outliers === "hide"}
      title="y from the 1st to the 99th percentile (o)"
      onClick=${() => toggleOutliers(state, shell)}
    >
      hide outliers
    </button>
    ${range && html`<button class="button small" onClick=${() => shell.change({ range: null })}>Reset zoom</button>`}`;
}
