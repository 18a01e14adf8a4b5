/** One chart of the experiment page: lines, or bars where each run has one value, in its frame. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { address, encoded } from "../data/http.js";
import { count } from "../lib/format.js";
import { roundedRange } from "../lib/scale.js";
import { Bars } from "../parts/bars.js";
import { Chart, summaryOf } from "../parts/chart.js";
import { copyLink } from "../parts/clipboard.js";
import { Late } from "../parts/late.js";
import { rangeOf } from "../parts/lines_extent.js";
import { Lines } from "../parts/lines.js";
import { GROUPED_RUNS } from "./experiment_series.js";

/** @typedef {import("./experiment_layout.js").ChartSpec} ChartSpec */
/** @typedef {import("../parts/lines_data.js").Line} Line */
/** @typedef {import("../parts/lines_extent.js").Extent} Extent */

/**
 * What all charts share.
 * @typedef {object} ChartContext
 * @property {import("./experiment_series.js").ChartSeries} series
 * @property {Pick<import("./experiment_model.js").ExperimentModel, "hover" | "shown" | "groups" | "look">} model
 * @property {import("../lib/state.js").State} state
 * @property {string} theme
 * @property {(low: number, high: number) => void} onZoom
 * @property {() => void} onReset
 * @property {(run: string) => void} onPick
 * @property {() => void} onShowAll show outliers
 * @property {(key: string) => void} onLarge
 * @property {(key: string, how: "pin" | "big" | "log") => void} onChange
 * @property {(key: string) => string} link the address of the page with this chart alone
 * @property {(key: string) => [x: string, y: string] | null} axesOf the chosen axes of a table
 * @property {(key: string, x: string, y: string) => void} onAxes choose them
 * @property {(key: string) => boolean} isBig
 * @property {(key: string) => boolean} isPinned
 * @property {(run: string) => string} href
 */

/**
 * What a chart shows by itself: its axes, and a menu that changes them.
 * @typedef {object} Own
 * @property {string} x
 * @property {string} about
 * @property {[number, number] | null} range
 * @property {(range: [number, number] | null) => void} onRange
 * @property {import("../parts/menu.js").MenuEntry[]} menu
 */

/** @param {{ spec: ChartSpec, context: ChartContext, height: number, large?: boolean }} props */
export function ExperimentChart(props) {
  const { spec } = props;
  if (spec.type === "text" || !["scalar", "table"].includes(spec.kind))
    return html`<${Late} from=${() => import("./experiment_kinds.js")} name="OtherKind" with=${props} />`;
  if (spec.kind === "scalar") return html`<${LinesOrBars} ...${props} />`;
  return html`<${Late} from=${() => import("./experiment_tables.js")} name="TableChart" with=${{ ...props, chart: LinesOrBars }} />`;
}

/** @param {{ spec: ChartSpec, context: ChartContext, height: number, large?: boolean, own?: Own }} props */
function LinesOrBars({ spec, context: shared, height, large, own }) {
  const [extent, setExtent] = useState(/** @type {Extent | null} */ (null));
  const context = own ? ownContext(shared, own) : shared;
  const { state, series, model } = context;
  const shown = series.of(spec.key).value;
  const { lines } = shown;
  const values = lines.length > 0 && !state.range && !own ? lines.map(valueOf) : [];
  const bars = values.length > 0 && values.every((value) => value !== null);
  const axis = state.x.replace(/^metric:/, "");
  const node = () => /** @type {any} */ (document.querySelector(`${large ? ".chart-large " : ""}[data-chart="${CSS.escape(spec.key)}"] .lines-plot`))?.plot;
  const body = bars
    ? html`<${Bars} name=${spec.key} height=${height} hover=${model.hover} onPick=${context.onPick}
        bars=${lines.map((line, at) => ({ id: line.id, name: line.name, colour: line.colour, value: values[at] }))} />`
    : html`<${Lines} name=${spec.key} lines=${lines} version=${shown.version} x=${state.x} log=${state.y === "log"} logX=${state.other.logx === "1"}
        clip=${state.other.outliers === "hide"} range=${state.range} smoothing=${state.smooth} smoothKind=${state.kind} theme=${context.theme}
        height=${height} hover=${model.hover} onZoom=${context.onZoom} onReset=${context.onReset} onPick=${context.onPick}
        onExtent=${(/** @type {Extent} */ next) => setExtent((before) => (before && same(before, next) ? before : next))} />`;
  return html`<${Chart} name=${spec.key} title=${large ? `over ${axis}` : spec.key} about=${spec.about || (large ? "" : own?.about)} big=${false} height=${height} stale=${shown.stale}
    summary=${summaryOf(spec.key, lines, axis)} notes=${notesOf(lines, bars ? null : extent, context, shown)}
    onLarge=${large ? undefined : () => context.onLarge(spec.key)} menu=${() => menuOf(spec, context, node, lines, bars, own)}>
    ${shown.error ? html`<p class="chart-empty">${String(/** @type {Error} */ (shown.error).message)}</p>`
      : !lines.length ? html`<p class="chart-empty">${shown.loaded ? emptyText(state) : ""}</p>` : body}
  <//>`;
}

/** @param {ChartContext} context @param {Own} own @returns {ChartContext} */
const ownContext = (context, { x, range, onRange }) => ({
  ...context, state: { ...context.state, x, range },
  onZoom: (low, high) => high > low && onRange(roundedRange(low, high)), onReset: () => onRange(null),
});

/** Return the value of a line that has only one; null otherwise. @param {Line} line */
function valueOf(line) {
  if (!line.group) return line.points <= 1 ? line.latest : null;
  const { count: runs, n, y } = line;
  let only = -1;
  for (let at = 0; at < n; at++) {
    if (!runs || !runs[at]) continue;
    if (only >= 0) return null;
    only = at;
  }
  return only < 0 ? null : y[only];
}

/** @param {import("../lib/state.js").State} state */
const emptyText = (state) => (state.range ? "No points in this range" : "None of the shown runs has points");

/** @param {Extent} one @param {Extent} other */
const same = (one, other) =>
  one.above === other.above && one.below === other.below && one.lost === other.lost && one.atLeast === other.atLeast;

/**
 * @param {Line[]} lines
 * @param {Extent | null} extent
 * @param {ChartContext} context
 * @param {import("./experiment_series.js").ChartLines} shown
 */
function notesOf(lines, extent, context, shown) {
  /** @type {import("../parts/chart.js").Note[]} */
  const notes = [];
  if (extent && lines.length) {
    const about = extent.atLeast ? "at least " : "";
    const points = (/** @type {number} */ number) => `${about}${count(number)} ${number === 1 ? "point" : "points"}`;
    if (extent.above) notes.push({ text: `${points(extent.above)} outside ↑`, onPress: context.onShowAll });
    if (extent.below) notes.push({ text: `${points(extent.below)} outside ↓`, onPress: context.onShowAll });
    if (extent.lost) notes.push({ text: `${points(extent.lost)} ≤ 0 not shown`, onPress: () => context.onChange("", "log") });
  }
  const nans = lines.reduce((sum, line) => sum + line.nans, 0);
  const infinities = lines.reduce((sum, line) => sum + line.infinities, 0);
  if (nans) notes.push({ text: `× ${count(nans)} NaN` });
  if (infinities) notes.push({ text: `▲▼ ${count(infinities)} infinite` });
  const runs = context.model.shown.value.length;
  const missing = runs - lines.length;
  if (!context.state.group.length && lines.length && missing > 0 && shown.loaded && !shown.stale) {
    notes.push({ text: `${count(missing)} of ${count(runs)} runs without points${context.state.range ? " here" : ""}` });
  }
  const grouped = context.state.other.traces === "1" ? 0 : (context.model.groups.value ?? []).reduce((sum, group) => sum + group.rows.length, 0);
  if (lines.length && grouped > GROUPED_RUNS) notes.push({ text: `from ${count(GROUPED_RUNS)} of ${count(grouped)} runs` });
  return notes;
}

/**
 * @param {ChartSpec} spec
 * @param {ChartContext} context
 * @param {() => import("../parts/lines_plot.js").LinePlot} plot
 * @param {Line[]} lines
 * @param {boolean} bars
 * @param {Own} [own]
 */
function menuOf(spec, context, plot, lines, bars, own) {
  const { key } = spec;
  const { state } = context;
  const range = () => state.range || rangeOf(lines);
  const exact = lines.length === 1 && !state.group.length && !own;
  /** @param {(files: typeof import("../parts/chart_export.js")) => void} write */
  const file = (write) => import("../parts/chart_export.js").then(write);
  return [
    { label: "Large view", hint: "Enter", run: () => context.onLarge(key) },
    { label: "Double width", checked: context.isBig(key), run: () => context.onChange(key, "big") },
    { label: "Keep at the top", checked: context.isPinned(key), run: () => context.onChange(key, "pin") },
    "line",
    ...(own ? [...own.menu, /** @type {const} */ ("line")] : []),
    ...(bars ? [] : [
      { label: "Download PNG", run: () => file(({ savePng }) => savePng(key, plot())) },
      { label: "Download SVG", run: () => file(({ saveSvg }) => saveSvg(key, plot())) },
    ]),
    { label: "Download CSV of what is seen", run: () => file(({ saveCsv }) => saveCsv(key, lines, range(), state.x)) },
    ...(exact ? [{ label: "Download all points as CSV", href: address(`/points/${encodeURIComponent(lines[0].id)}/${encoded(key)}`, { format: "csv" }) }] : []),
    "line",
    { label: "Copy link", run: () => copyLink(context.link(key)) },
  ];
}
