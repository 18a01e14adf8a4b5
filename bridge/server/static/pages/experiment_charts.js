/** The charts of the experiment page: which lines they show, and the large view of one. */

import { useSignalEffect } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { fitCharts, packSections } from "../lib/pack.js";
import { GridOfCharts } from "../parts/grid_of_charts.js";
import { Empty } from "../parts/problem.js";
import { ExperimentChart } from "./experiment_chart.js";
import { axesItem, chosenAxes, parseLayout, sectionsOf } from "./experiment_layout.js";

/** @typedef {import("./experiment_model.js").ExperimentModel} ExperimentModel */
/** @typedef {import("./experiment_series.js").ChartSeries} ChartSeries */
/** @typedef {import("../shell.js").Shell} Shell */
/** @typedef {{ model: ExperimentModel, series: ChartSeries, shell: Shell, actions: any }} Parts */

const BODY = 208;
const FRAME = 44;
const GAP = 12;
const FOOT = 24;
const HEAD = 36;
const BUCKETS = 500;
const LARGE_BUCKETS = 1200;
const FIRST_METRIC = `run.log("loss", 0.25)`;

/** @param {Parts & { layout: import("./experiment_layout.js").Layout, narrow: boolean }} props */
export function Charts({ model, series, shell, actions, layout, narrow }) {
  const [[width, room], setSize] = useState([0, 0]);
  useView(model, series, actions);
  useEffect(() => {
    const node = document.querySelector(".chart-scroll");
    if (!node) return;
    const observer = new ResizeObserver(() => setSize([node.clientWidth, node.clientHeight]));
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  const keys = model.keys.value;
  const sections = useMemo(() => (keys ? sectionsOf(keys, layout) : []), [keys, model.state.value.charts]);
  const context = useContext({ model, series, shell, actions });
  const isBig = (/** @type {any} */ spec) => layout.big.includes(spec.key);
  const widths = (/** @type {number} */ perRow) =>
    sections.map(({ open, charts }) => ({ width: open ? charts.length + (perRow > 1 ? charts.filter(isBig).length : 0) : 0 }));
  const most = narrow ? 1 : Math.max(1, Math.min(6, Math.floor((width - 12) / 340)));
  const { packed, body } = narrow || layout.per
    ? { packed: packSections(widths(narrow ? 1 : layout.per), narrow ? 1 : layout.per), body: BODY }
    : fitCharts(widths, most, { width, height: room - FOOT, body: BODY, frame: FRAME + GAP, head: HEAD });
  const onUp = (/** @type {string} */ name) => {
    const names = sections.map((section) => section.name);
    const at = names.indexOf(name);
    names.splice(at - 1, 2, names[at], names[at - 1]);
    actions.layout({ ...layout, order: names });
  };
  return html`<${GridOfCharts} sections=${sections} packed=${packed} height=${body + FRAME} isBig=${isBig} rest=${series.drawn.value}
    chart=${(/** @type {any} */ spec) => html`<${ExperimentChart} spec=${spec} context=${context} height=${body} />`}
    onVisible=${(/** @type {string} */ key, /** @type {boolean} */ visible) => series.setVisible(key, visible)}
    onSeen=${(/** @type {string} */ key, /** @type {boolean} */ seen) => series.setSeen(key, seen)}
    onToggle=${(/** @type {string} */ name) => actions.toggleSection(sections.find((section) => section.name === name))} onUp=${onUp}
    empty=${keys && !sections.length ? layout.find
      ? html`<${Empty} title=${`No chart has “${layout.find}” in its name`} />`
      : html`<${Empty} title="No metrics yet" code=${FIRST_METRIC} />` : null} />`;
}

/**
 * Tell the series which lines the charts show.
 * @param {ExperimentModel} model
 * @param {ChartSeries} series
 * @param {any} actions
 */
function useView(model, series, actions) {
  useSignalEffect(() => {
    const { x, range, group, band, other } = model.state.value;
    const groups = model.groups.value;
    const dark = model.dark.value;
    if (model.version.value < 1 || !model.cursor) return;
    const grouped = group.length > 0 && groups && other.traces !== "1";
    /** @type {Record<string, string> | null} */
    let of = null;
    let lines = model.shown.value;
    if (groups && grouped) {
      of = {};
      lines = groups.slice(0, 50).map((one) => one.key);
      for (const one of groups.slice(0, 50)) for (const row of one.rows) of[model.runs.ids[row]] = one.key;
    }
    const groupOf = groups && !grouped ? new Map(groups.flatMap((one) => one.rows.map((row) => /** @type {[string, string]} */ ([model.runs.ids[row], one.key])))) : null;
    const look = (/** @type {string} */ id) => {
      if (of) return model.groupLook(id);
      const group = groupOf?.get(id);
      return group === undefined ? model.look(id) : { ...model.groupLook(group), name: model.look(id).name };
    };
    series.setView(
      { lines, look, x, range, buckets: other.chart ? LARGE_BUCKETS : BUCKETS, groups: of, band, start: (id) => model.runs.number("start_time", model.runs.rowById.get(id) ?? -1) },
      actions.pace.delay,
    );
    void dark;
  });
}

/**
 * @param {Parts} parts
 * @returns {import("./experiment_chart.js").ChartContext}
 */
export function useContext({ model, series, shell, actions }) {
  const state = model.state.value;
  const layout = parseLayout(state.charts);
  return {
    series, model, state, theme: String(shell.dark.value), onZoom: actions.zoom, onReset: actions.resetZoom,
    onPick(run) {
      const row = model.runs.rowById.get(run);
      if (row !== undefined) model.active.value = run;
    },
    onShowAll: actions.toggleOutliers, onLarge: actions.large, onChange: actions.changeChart,
    link: (key) => shell.href({ page: "experiment", id: model.id }, { ...state, other: { ...state.other, chart: key } }),
    axesOf: (key) => chosenAxes(layout, key),
    onAxes: (key, x, y) => actions.layout({ ...layout, xy: [...layout.xy.filter((item) => !item.startsWith(axesItem(key, "", "").slice(0, -1))), axesItem(key, x, y)] }),
    isBig: (key) => layout.big.includes(key), isPinned: (key) => layout.pin.includes(key), href: actions.href,
  };
}
