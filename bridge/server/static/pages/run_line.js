/** The line chart of one metric of one run, and the tools that all line charts of the page share. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { number, plural } from "../lib/format.js";
import { runColour } from "../lib/colour.js";
import { Lines } from "../parts/lines.js";
import { toLine } from "../parts/lines_data.js";
import { sentence } from "../parts/problem.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */

/** The dashes of devices, if each run has a colour. */
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

const HEIGHT = 212;
const LARGE = 460;

/**
 * @param {{
 *   metric: import("../lib/devices.js").MetricOfDevices, run: any, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell,
 *   read: import("./run_data.js").SeriesReader, others: import("./run_beside.js").OtherRun[], hover: any, large: boolean,
 * }} props
 */
export function MetricLine({ metric, run, state, shell, read, others, hover, large }) {
  const [lines, setLines] = useState(/** @type {any[] | null} */ (null));
  const [version, setVersion] = useState(0);
  const [problem, setProblem] = useState("");
  const [extent, setExtent] = useState(/** @type {any} */ (null));
  const whole = state.value.other.outliers !== "hide";
  const numbers = metric.series.filter((one) => one.kind === "scalar" && one.type === "number");
  const members = metric.members ?? [{ key: metric.key, name: "", number: 0 }];
  const dark = shell.dark.value;
  const { x, y, range, smooth, kind } = state.value;
  const wanted = [run, ...others];
  useEffect(() => {
    let current = true;
    Promise.all(members.map((one) => read(one.key))).then(
      (found) => {
        if (!current) return;
        setLines(
          found.flatMap((own, at) => own.map((series) => lineOf(series, wanted, dark, metric.members?.[at]))),
        );
        setVersion((before) => before + 1);
        setProblem("");
      },
      (error) => current && setProblem(sentence(error)),
    );
    return () => {
      current = false;
    };
  }, [read, metric.key, numbers.map((one) => one.points).join(), dark, wanted.map((one) => one.number).join()]);
  if (problem) return html`<p class="metric-problem" role="alert">${problem}</p>`;
  if (!lines) return null;
  if (!lines.length) return html`<p class="metric-none soft">${emptyText(x, range !== null)}</p>`;
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
    ${
      metric.members &&
      html`<p class="legend">
        ${members.map((one, at) => html`<span key=${one.key} title=${one.key}><i class="plot-mark" style=${{ background: markOf(one, wanted, dark) }}></i>${one.name} <b>${number(numbers[at].last)}</b></span>`)}
      </p>`
    }
    <p class="visually-hidden">
      ${numbers.map((facts, at) => `${members[at]?.key ?? metric.key}: ${plural(facts.points, "point")}, from ${number(facts.minimum ?? NaN)} to ${number(facts.maximum ?? NaN)}, latest ${number(facts.last)} at step ${facts.step}. `)}
    </p>
  </div>`;
}

/**
 * The line of a run, or of one of its devices. A device has a colour of its own, or a dash if there are several runs.
 * Without devices, the dashes are those of the run's number, and only if there are other lines.
 * @param {import("../data/series.js").Sampled} series
 * @param {{ id: string, name: string, number: number }[]} runs
 * @param {boolean} dark
 * @param {import("../lib/devices.js").Member} [member]
 */
function lineOf(series, runs, dark, member) {
  const own = runs.find((one) => one.id === series.run) ?? runs[0];
  const { colour, dash } = runColour(own.number, dark);
  const several = runs.length > 1;
  const name = own.name || own.id.slice(0, 8);
  const sampled = /** @type {any} */ (member ? { ...series, run: `${series.run} ${member.name}` } : series);
  return toLine(sampled, {
    name: member ? (several ? `${member.name}, ${name}` : member.name) : name,
    colour: member && !several ? runColour(member.number, dark).colour : colour,
    dash: several ? (member ? DASHES[member.number % DASHES.length] : dash) : [],
  });
}

/** The colour of a device in the legend. @param {import("../lib/devices.js").Member} member @param {{ number: number }[]} runs @param {boolean} dark */
const markOf = (member, runs, dark) => runColour(runs.length > 1 ? runs[0].number : member.number, dark).colour;

/** Why there is no line. @param {string} x @param {boolean} zoomed */
function emptyText(x, zoomed) {
  if (zoomed) return "No points in this range.";
  return x.startsWith("metric:") ? `No point has a value of ${x.slice(7)} at the same step.` : "No points.";
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

/** The greatest number of metrics that are offered as x. */
const MOST_AXES = 300;

/** The metrics that can be x: those with several numbers. @param {Metric[]} metrics @param {string} x the present axis */
function metricAxes(metrics, x) {
  const keys = metrics
    .filter(({ series }) => series.some((one) => one.kind === "scalar" && one.type === "number" && one.points > 1))
    .map(({ key }) => `metric:${key}`)
    .slice(0, MOST_AXES);
  return x.startsWith("metric:") && !keys.includes(x) ? [...keys, x] : keys;
}

/** @param {{ state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell, hasLines: boolean, metrics: Metric[] }} props */
export function LineTools({ state, shell, hasLines, metrics }) {
  const { x, y, smooth, range, other } = state.value;
  if (!hasLines) return null;
  const axes = metricAxes(metrics, x);
  const valueOf = (/** @type {Event} */ event) => /** @type {HTMLInputElement} */ (event.target).value;
  return html`<label class="tool"
      >x
      <select
        class="select small x-axis"
        aria-label="Horizontal axis"
        value=${x}
        onChange=${(/** @type {Event} */ event) => shell.change({ x: valueOf(event), range: null })}
      >
        ${AXES.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
        ${axes.length > 0 && html`<optgroup label="Metrics">${axes.map((axis) => html`<option key=${axis} value=${axis}>${axis.slice(7)}</option>`)}</optgroup>`}
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
