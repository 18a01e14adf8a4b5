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
 *   read: (key: string) => Promise<any>, hover: any, large: boolean,
 * }} props
 */
export function MetricLine({ metric, run, state, shell, read, hover, large }) {
  const [lines, setLines] = useState(/** @type {any[] | null} */ (null));
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState("");
  const [extent, setExtent] = useState(/** @type {any} */ (null));
  const [whole, setWhole] = useState(true);
  const facts = metric.series.find((one) => one.kind === "scalar" && one.type === "number");
  const dark = shell.dark.value;
  const { x, y, range, smooth, kind } = state.value;
  useEffect(() => {
    let current = true;
    const { colour } = runColour(run.number, dark);
    read(metric.key).then(
      (series) => {
        if (!current) return;
        setLines(series ? [toLine(series, { name: run.name || run.id.slice(0, 8), colour, dash: [] })] : []);
        setVersion((before) => before + 1);
        setProblem("");
      },
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [read, metric.key, facts?.position, facts?.points, dark, run.number]);
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
    ${notes.length > 0 && html`<p class="metric-notes">${notes.map(([text, press]) => (press ? html`<button key=${text} onClick=${() => setWhole(true)}>${text}</button>` : html`<span key=${text}>${text}</span>`))}</p>`}
    <p class="visually-hidden">
      ${facts ? `${metric.key}: ${plural(facts.points, "point")}, from ${number(facts.minimum ?? NaN)} to ${number(facts.maximum ?? NaN)}, latest ${number(facts.last)} at step ${facts.step}.` : ""}
    </p>
  </div>`;
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

/** @param {{ state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell, hasLines: boolean }} props */
export function LineTools({ state, shell, hasLines }) {
  const { x, y, smooth, range } = state.value;
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
    ${range && html`<button class="button small" onClick=${() => shell.change({ range: null })}>Reset zoom</button>`}`;
}
