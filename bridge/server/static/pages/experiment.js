/** The experiment page: the table of runs at the left, the charts of the shown runs at the right. */

import { signal, useComputed, useSignalEffect } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { check } from "../data/api.js";
import { FilterBox } from "../parts/filter_box.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Late } from "../parts/late.js";
import { Empty, Problem } from "../parts/problem.js";
import { follow } from "../parts/table_drag.js";
import { makeActions } from "./experiment_actions.js";
import { ChartBar, ExperimentBar, KeyHints } from "./experiment_bar.js";
import { Charts } from "./experiment_charts.js";
import { experimentKeys } from "./experiment_keys.js";
import { parseLayout } from "./experiment_layout.js";
import { ExperimentLive } from "./experiment_live.js";
import { isPart } from "./experiment_load.js";
import { ExperimentModel } from "./experiment_model.js";
import { ChartSeries } from "./experiment_series.js";
import { RunsTable, exportedTable } from "./experiment_table.js";

const FIRST_RUN = `run = experiment.start_logging()
run.log("loss", 0.25)`;
const LEFT = 42;
const ALL_KEYS = 2000;
const NARROW = matchMedia("(max-width: 760px)");
const narrow = signal(NARROW.matches);
NARROW.addEventListener("change", (event) => (narrow.value = event.matches));

/** Active and archived runs are two pages to the model. @param {import("../shell.js").PageProps} props */
export default function ExperimentPage(props) {
  return html`<${Experiment} key=${props.state.value.other.stage || ""} ...${props} />`;
}

/** @param {import("../shell.js").PageProps} props */
function Experiment({ route, state, shell }) {
  const model = useMemo(() => new ExperimentModel(route.id, state, shell.dark), []);
  const series = useMemo(() => new ChartSeries(), []);
  const actions = useMemo(() => makeActions(model, shell), []);
  const live = useMemo(() => new ExperimentLive(model, series, (now) => (shell.live.value = now)), []);
  const title = useComputed(() => model.experiment.value?.name || "");

  useEffect(() => {
    let open = true;
    model.load().then(() => {
      series.settle();
      if (open && model.cursor) live.open();
    });
    return () => {
      open = false;
      live.close();
      series.close();
    };
  }, []);
  useSignalEffect(() => {
    shell.header.value = { title: title.value, field: html`<${Filter} model=${model} shell=${shell} />` };
  });
  useSignalEffect(() => {
    if (model.wanted.value.length && model.cursor) model.loadColumns();
  });
  const filter = useComputed(() => state.value.q.trim());
  useSignalEffect(() => {
    if (filter.value || model.matched.peek()) model.match();
  });
  const order = useComputed(() => JSON.stringify(state.value.sort));
  useSignalEffect(() => {
    if (order.value && isPart(model)) model.match();
  });
  useKeys(experimentKeys(actions, model, shell, { live: () => live.toggle() }), "Experiment");

  // The page is not made again each time that a run logs.
  const none = useComputed(() => model.version.value > 0 && !model.runs.count).value;
  const entries = useComputed(() => model.places.value.at.length).value;
  const active = useComputed(() => model.runsAt(model.activePlace)[0] || "").value;

  if (model.error.value && !model.cursor) return html`<${Problem} error=${model.error.value} retry=${() => model.load()} />`;
  const { other, charts } = state.value;
  const layout = parseLayout(charts);
  const fill = other.fill || "";
  const drawn = series.drawn.value;
  const left = Math.min(85, Math.max(15, Number(other.split) || LEFT));
  if (none) return html`<${Empty} title="No runs yet" code=${FIRST_RUN}>The first run of this experiment appears here as soon as it logs.<//>`;
  return html`<div class="experiment">
    <${ExperimentBar} model=${model} shell=${shell} actions=${actions} extra=${html`
      <${Late} from=${() => import("./saved_views.js")} name="SavedViews" when=${drawn || state.value.view !== ""}
        with=${{ experiment: model.id, state, shell, class: "button quiet small" }}>${soon("view", "Views")}<//>
      <${Late} from=${() => import("../parts/export.js")} name="ExportMenu" when=${drawn}
        with=${{ class: "button quiet small", name: title.value || "runs", table: () => exportedTable(model, actions) }}>${soon("download", "Export")}<//>`} />
    <div class="experiment-body">
      ${fill === "charts" ? null : html`<div class="experiment-table" style=${{ width: fill === "table" ? "100%" : `${left}%`, "--entries": Math.max(2, entries) }}>
        <${RunsTable} model=${model} shell=${shell} actions=${actions} live=${live} cards=${narrow.value} rest=${drawn} />
      </div>`}
      ${fill ? null : html`<${Divider} left=${left} onMove=${(/** @type {number} */ to) => shell.change({ other: { ...state.peek().other, split: String(to) } }, "replace")} />`}
      ${fill === "table" ? null : html`<div class="experiment-charts">
        <${ChartBar} model=${model} shell=${shell} actions=${actions} layout=${layout} />
        <${Charts} model=${model} series=${series} shell=${shell} actions=${actions} layout=${layout} narrow=${narrow.value} />
      </div>`}
    </div>
    <${Late} from=${() => import("./selection.js")} name="SelectionBar" when=${drawn || model.selected.value.size > 0}
      with=${{
        ids: [...model.selected.value], cursor: active, experiment: model.id, state, shell,
        nameOf: (/** @type {string} */ id) => model.look(id).name, isArchived: other.stage === "archived", onClear: actions.clear,
        onChanged: () => live.apply(new Set(), new Set(model.changed()), new Set()), more: actions.moreOfSelection(),
      }} />
    ${model.selected.value.size ? null : html`<${KeyHints} />`}
    ${actions.noting.value
      ? html`<${Late} from=${() => import("./experiment_note.js")} name="NoteDialog" dialog
          with=${{
            run: actions.noting.value, name: model.look(actions.noting.value).name,
            text: model.runs.text("description", model.runs.rowById.get(actions.noting.value) ?? -1) || "",
            onSaved: () => live.apply(new Set(), new Set([actions.noting.value]), new Set()), onClose: () => (actions.noting.value = ""),
          }} />`
      : null}
    ${actions.picker.value !== null ? html`<${Columns} model=${model} actions=${actions} />` : null}
    ${other.chart
      ? html`<${Late} from=${() => import("./experiment_large.js")} name="LargeChart" dialog with=${{ model, series, shell, actions, name: other.chart }} />`
      : null}
  </div>`;
}

/** The search for columns is loaded when it is first needed. */
const columnSearch = () => import("./experiment_columns.js");

/** What stands in the place of a button until its module is there. @param {string} icon @param {string} text */
const soon = (icon, text) => html`<span class="button quiet small" aria-hidden="true"><${Icon} name=${icon} />${text}</span>`;

/** @param {{ model: ExperimentModel, shell: import("../shell.js").Shell }} props */
function Filter({ model, shell }) {
  const keys = () => model.keys.peek() || [];
  return html`<${FilterBox} value=${model.state.value.q}
    complete=${async (/** @type {any} */ wanted) => (await columnSearch()).completions(model.id, keys(), keys().length < ALL_KEYS, wanted)}
    check=${async (/** @type {string} */ text) => (await check(text)).error}
    onFilter=${(/** @type {string} */ text, /** @type {boolean} */ done) => shell.change({ q: text.trim() }, done ? "push" : "replace")} />`;
}

/** @param {{ model: ExperimentModel, actions: any }} props */
function Columns({ model, actions }) {
  const keys = model.keys.value || [];
  const find = async (/** @type {string} */ text) => (await columnSearch()).findColumns(model.id, keys, keys.length < ALL_KEYS, text);
  const onClose = () => (actions.picker.value = null);
  return html`<${Late} from=${() => import("../parts/columns.js")} name="ColumnPicker" dialog
    with=${{ chosen: model.columns.value, onChange: actions.setColumn, onReset: actions.resetColumns, find, first: actions.picker.value, onClose }} />`;
}

/** @param {{ left: number, onMove: (to: number) => void }} props */
function Divider({ left, onMove }) {
  const node = useRef(/** @type {HTMLElement | null} */ (null));
  const start = (/** @type {PointerEvent} */ event) => {
    const box = node.current?.parentElement?.getBoundingClientRect();
    if (!box) return;
    event.preventDefault();
    const move = (/** @type {PointerEvent} */ moved) => onMove(Math.round(((moved.clientX - box.left) / box.width) * 1000) / 10);
    follow(event, move, move);
  };
  const keyed = (/** @type {KeyboardEvent} */ event) => {
    const step = event.key === "ArrowLeft" ? -2 : event.key === "ArrowRight" ? 2 : 0;
    if (!step) return;
    event.preventDefault();
    onMove(left + step);
  };
  return html`<div class="experiment-divider" ref=${node} role="separator" tabindex="0" aria-orientation="vertical" aria-label="Width of the table"
    aria-valuenow=${Math.round(left)} aria-valuemin="15" aria-valuemax="85" onPointerDown=${start} onKeyDown=${keyed}></div>`;
}
