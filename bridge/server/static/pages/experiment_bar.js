/** The bars of the experiment page: its tabs and the table's buttons, and the controls of the charts. */

import { html } from "htm/preact";
import { count, plural } from "../lib/format.js";
import { Icon } from "../parts/icon.js";
import { Menu } from "../parts/menu.js";
import { Picker } from "../parts/picker.js";
import { columnOfKey } from "../lib/column_choice.js";

/** @typedef {import("./experiment_model.js").ExperimentModel} ExperimentModel */
/** @typedef {import("../shell.js").Shell} Shell */

const GROUPS = ["status", "user", "type"];

/** @param {{ model: ExperimentModel, shell: Shell, actions: any, extra?: any }} props */
export function ExperimentBar({ model, shell, actions, extra }) {
  const state = model.state.value;
  const all = model.limit < Infinity ? model.total.value : model.count.value;
  const shown = model.beyond.value || model.rows.value.length;
  const items = [
    ...GROUPS.map((id) => ({ id, text: id, hint: "run" })),
    ...(model.keys.value || []).filter((key) => key.entity === "param" || key.entity === "tag")
      .map((key) => ({ id: columnOfKey(key), text: columnOfKey(key), hint: plural(key.runs, "run") })),
  ];
  const only = state.other.only === "1";
  return html`<div class="experiment-bar">
    <nav class="tabs" aria-label="Experiment">
      <a aria-current="page" href=${shell.href({ page: "experiment", id: model.id })}>Runs <span class="count">${count(all)}</span></a>
      <a href=${actions.compareHref()}>Compare</a>
      <a href=${shell.href({ page: "notes", id: model.id })}>Notes</a>
    </nav>
    <span class="space"></span>
    <span class="experiment-count" role="status">${state.q.trim() ? `${count(shown)} of ${plural(all, "run")}` : plural(all, "run")}</span>
    <button type="button" class="button quiet small" title="Columns (.)" onClick=${() => actions.openColumns()}><${Icon} name="columns" />Columns</button>
    <button type="button" class="button quiet small" aria-pressed=${only} title="Only columns whose values differ (D)"
      onClick=${actions.toggleOnly}>Only differing</button>
    <${Picker} label=${groupText(state.group)} text=${groupText(state.group)} icon="group" class="button quiet small" items=${items} end=${true}
      chosen=${new Set(state.group)} opener=${actions.groupOpener} find="Group by" none="No param or tag has this in its name."
      onPick=${(/** @type {string} */ id, /** @type {boolean} */ on) => actions.group(id, on)} />
    ${extra}
    <${Menu} label="More of the table" icon="more" class="button quiet small icon" end=${true} items=${() => [
      { label: "Child runs below their parents", checked: state.other.tree !== "flat", run: () => actions.other("tree", "flat") },
      { label: "Archived runs", checked: state.other.stage === "archived", run: () => actions.other("stage", "archived") },
      { title: "Columns that stay at the left" },
      ...[0, 1, 2, 3].map((pin) => ({ label: pin ? String(pin) : "None", checked: state.pin === pin, run: () => shell.change({ pin }) })),
      { title: "Colour by" },
      ...["", ...model.columns.value.filter((name) => name !== "name")].slice(0, 12).map((name) => ({
        label: name || "run", checked: (state.other.colour || "") === name, run: () => shell.change({ other: { ...state.other, colour: name } }),
      })),
      { title: "Runs in the charts" },
      ...[10, 50, 200].map((most) => ({ label: `The first ${most}`, checked: state.show.kind === "top" && state.show.count === most, run: () => shell.change({ show: { kind: "top", count: most }, hide: [] }) })),
      { label: "All, at most 1,000", checked: state.show.kind === "all", run: () => shell.change({ show: { kind: "all" }, hide: [] }) },
      { label: "None", checked: state.show.kind === "ids" && !state.show.ids.length, run: () => shell.change({ show: { kind: "ids", ids: [] }, hide: [] }) },
    ]} />
  </div>`;
}

/** @param {string[]} group */
const groupText = (group) => (group.length ? `Group: ${group.map((name) => name.replace(/^\w+\./, "")).join(", ")}` : "Group");

/** @param {{ model: ExperimentModel, shell: Shell, actions: any, layout: import("./experiment_layout.js").Layout }} props */
export function ChartBar({ model, shell, actions, layout }) {
  const state = model.state.value;
  const metrics = (model.keys.value || []).filter((key) => key.entity === "metric" && key.type === "number" && key.kind === "scalar");
  const axes = ["step", "time", "relative", ...metrics.slice(0, 300).map((key) => `metric:${columnOfKey(key).replace(/^metrics\./, "")}`)];
  if (!axes.includes(state.x)) axes.push(state.x);
  const toggle = (/** @type {string} */ name, /** @type {string} */ on) => shell.change({ other: { ...state.other, [name]: state.other[name] === on ? "" : on } });
  const onOff = (/** @type {string} */ label, /** @type {boolean} */ on, /** @type {string} */ hint, /** @type {() => void} */ press) =>
    html`<button type="button" class="button quiet small" aria-pressed=${on} title=${hint} onClick=${press}>${label}</button>`;
  return html`<div class="chart-bar">
    <label>x <select class="select" aria-label="Horizontal axis" value=${state.x}
      onChange=${(/** @type {any} */ event) => shell.change({ x: event.target.value, range: null })}>
      ${axes.map((axis) => html`<option key=${axis} value=${axis}>${axis.replace(/^metric:/, "")}</option>`)}
    </select></label>
    <label>smooth
      <input type="range" min="0" max="0.999" step="0.001" aria-label="Smoothing" value=${state.smooth}
        onInput=${(/** @type {any} */ event) => shell.change({ smooth: snapped(Number(event.target.value)) }, "replace")} />
      <span class="smooth-value">${state.smooth ? String(state.smooth).replace(/^0/, "") : "off"}</span>
    </label>
    ${onOff("log y", state.y === "log", "Logarithmic y (l)", actions.toggleLog)}
    ${onOff("log x", state.other.logx === "1", "Logarithmic x", () => toggle("logx", "1"))}
    ${onOff("hide outliers", state.other.outliers === "hide", "y from the 1st to the 99th percentile (o)", actions.toggleOutliers)}
    ${state.range ? html`<button type="button" class="button small" onClick=${actions.resetZoom} title="Show the whole range (double click)">reset zoom</button>` : null}
    ${state.group.length ? groupControls(state, shell) : null}
    <input class="field find" type="search" aria-label="Find charts" placeholder="Find charts" value=${layout.find}
      onInput=${(/** @type {any} */ event) => actions.layout({ ...layout, find: event.target.value.trim() }, "replace")} />
    <${Menu} label="Layout of the charts" icon="settings" class="button quiet small icon" end=${true} items=${() => [
      { title: "Charts in a row" },
      ...[0, 1, 2, 3, 4].map((per) => ({ label: per ? String(per) : "As there is room", checked: layout.per === per, run: () => actions.layout({ ...layout, per }) })),
      { title: "Smoothing" },
      ...[["ema", "Exponential mean"], ["gauss", "Gaussian"], ["mean", "Moving mean"]].map(([kind, label]) => ({
        label, checked: state.kind === kind, run: () => shell.change({ kind: /** @type {any} */ (kind) }),
      })),
      "line",
      { label: "Reset the layout", run: () => actions.layout({ order: [], big: [], pin: [], shut: [], open: [], xy: [], per: 0, find: "" }) },
    ]} />
  </div>`;
}

/** Steps of a hundredth below 0.9 and of a thousandth above. @param {number} value */
const snapped = (value) => (value < 0.9 ? Math.round(value * 100) / 100 : Math.round(value * 1000) / 1000);

/**
 * @param {import("../lib/state.js").State} state
 * @param {Shell} shell
 */
const groupControls = (state, shell) => html`<label>band <select class="select" aria-label="Band of a group" value=${state.band}
    onChange=${(/** @type {any} */ event) => shell.change({ band: event.target.value })}>
    ${[["std", "± deviation"], ["minmax", "least to greatest"], ["none", "none"]].map(([value, text]) => html`<option value=${value}>${text}</option>`)}
  </select></label>
  <button type="button" class="button quiet small" aria-pressed=${state.other.traces === "1"} title="Draw the runs of the groups one by one"
    onClick=${() => shell.change({ other: { ...state.other, traces: state.other.traces === "1" ? "" : "1" } })}>all traces</button>`;

const HINTS = [["j", "k", "move"], ["x", "select"], ["v", "show in charts"], ["c", "compare"], ["/", "filter"], ["G", "group"], [".", "columns"], ["?", "keys"]];

/** The line of keys below the page. */
export const KeyHints = () =>
  html`<div class="experiment-foot" aria-hidden="true">
    ${HINTS.map((hint) => html`<span class="key">${hint.slice(0, -1).map((key) => html`<kbd>${key}</kbd>`)}<span>${hint[hint.length - 1]}</span></span>`)}
  </div>`;
