/** The table of runs of the experiment page: what the model knows, as entries of a table. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { count, plural } from "../lib/format.js";
import { Table } from "../parts/table.js";
import { cellOf, tableColumn } from "./experiment_cells.js";
import { groupName } from "./experiment_entries.js";

/** @typedef {import("./experiment_model.js").ExperimentModel} ExperimentModel */

const CLOCK_MS = 5000;

/** @param {{ model: ExperimentModel, shell: import("../shell.js").Shell, actions: any, live: import("./experiment_live.js").ExperimentLive, cards: boolean, rest: boolean }} props
 *   `rest`: the first charts are drawn, so the rest can be loaded */
export function RunsTable({ model, shell, actions, live, cards, rest }) {
  const [{ columnMenu }, setMenu] = useState(/** @type {Partial<typeof import("./experiment_column_menu.js")>} */ ({}));
  useEffect(() => {
    if (rest) import("./experiment_column_menu.js").then(setMenu, () => {}); // without it, heads have no menus
  }, [rest]);
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => document.hidden || (now.value = Date.now()), CLOCK_MS);
    return () => clearInterval(timer);
  }, []);
  const state = model.state.value;
  const version = model.version.value;
  const { runs } = model;
  const places = model.places.value;
  const shown = model.shownSet.value;
  const selected = model.selected.value;
  const only = state.other.only === "1";
  const widths = actions.widths();
  const listed = model.columns.value;
  const columns = useMemo(() => {
    const differing = only ? new Set(runs.differing(model.rows.value, listed)) : null;
    return listed
      .filter((id) => !differing || id === "name" || differing.has(id))
      .map((id) => tableColumn(id, runs, widths));
  }, [listed, version, only, state.other.w, only && model.rows.value]);
  const context = {
    runs, places, now: now.value, href: actions.href,
    descending: new Set(state.sort.filter((item) => item.descending).map((item) => item.column)),
    base: state.base ? (runs.rowById.get(state.base) ?? -1) : -1,
  };
  const theme = shell.dark.value;
  const entries = useMemo(() => entriesOf(model, context, shown, selected), [places, version, shown, selected, now.value, state.base, theme]);
  const fresh = live.fresh.value;
  const top = (/** @type {boolean} */ is) => {
    live.atTop = is;
    if (is && live.fresh.peek().size) live.fresh.value = new Set();
  };
  const up = () => {
    const table = document.querySelector(".runs-table");
    if (table) table.scrollTop = 0;
    top(true);
  };
  const beyond = model.beyond.value;
  return html`
    ${beyond
      ? html`<p class="experiment-part" role="status">The first ${count(model.rows.value.length)} of ${plural(beyond, state.q.trim() ? "matching run" : "run")} are shown, in the order of the table.${" "}
          <button type="button" onClick=${actions.toFilter}>A filter</button> finds the others.</p>`
      : null}
    ${fresh.size ? html`<button type="button" class="button small experiment-new" onClick=${up}>${plural(fresh.size, "new run")} ↑</button>` : null}
    <${Table} label="Runs" entries=${entries} columns=${columns} pin=${state.pin} active=${model.activePlace} cards=${cards}
      sort=${state.sort.map((item) => ({ id: item.column, descending: item.descending }))} editing=${actions.editing.value} version=${version}
      arrangement=${JSON.stringify([state.sort, state.q, state.group])}
      onSort=${actions.sort} onActive=${actions.activate} onSelect=${actions.select} onEye=${actions.eye} onFold=${actions.fold}
      onOpen=${actions.openPlace} onResize=${actions.resize} onMove=${actions.moveColumn} onCell=${actions.filterBy} onRename=${actions.rename}
      menuOf=${columnMenu && ((/** @type {string} */ id) => columnMenu(model, shell, actions, id))} onTop=${top} onHover=${(/** @type {number | null} */ place) => hovered(model, place)} />`;
}

/**
 * The run under the pointer is thick in the charts.
 * @param {ExperimentModel} model
 * @param {number | null} place
 */
function hovered(model, place) {
  const run = place === null ? null : model.groups.peek() && !model.state.peek().other.traces ? groupAt(model, place) : model.runsAt(place)[0] || null;
  if (model.hover.peek().run !== run) model.hover.value = { chart: "", run, x: null };
}

/**
 * @param {ExperimentModel} model
 * @param {number} place
 */
function groupAt(model, place) {
  const { at, groups } = model.places.peek();
  if (at[place] < 0) return groups[~at[place]].key;
  return groups.find((group) => group.rows.includes(at[place]))?.key || null;
}

/**
 * @param {ExperimentModel} model
 * @param {import("./experiment_cells.js").CellContext} context
 * @param {Set<string>} shown
 * @param {Set<string>} selected
 * @returns {import("../parts/table_rows.js").Entries}
 */
function entriesOf(model, context, shown, selected) {
  const { runs, places } = context;
  const { at, depth, groups, children } = places;
  const open = model.open.peek();
  const grouped = groups.length > 0;
  /** @type {Map<string, number> | null} */
  let byId = null;
  const id = (/** @type {number} */ place) => (at[place] < 0 ? groups[~at[place]].key : runs.ids[at[place]]);
  return {
    count: at.length,
    id,
    find(wanted) {
      byId = byId || new Map(Array.from(at, (_, place) => [id(place), place]));
      return byId.get(wanted) ?? -1;
    },
    tree: grouped || children.size > 0,
    kind: (place) => (at[place] < 0 ? "group" : "run"),
    name: (place) => (at[place] < 0 ? groupName(groups[~at[place]]) : runs.text("name", at[place]) || runs.ids[at[place]]),
    depth: (place) => depth[place],
    open(place) {
      const row = at[place];
      if (row < 0) return open.has(groups[~row].key);
      return !grouped && children.has(row) ? open.has(runs.ids[row]) : null;
    },
    mark(place) {
      const row = at[place];
      if (row < 0) {
        const { key, rows } = groups[~row];
        const look = model.groupLook(key);
        return { colour: look.colour, shown: rows.some((member) => shown.has(runs.ids[member])), dash: look.dash.length > 0 };
      }
      const run = runs.ids[row];
      const look = model.look(run);
      return { colour: look.colour, shown: shown.has(run), dash: look.dash.length > 0 };
    },
    selected(place) {
      const row = at[place];
      return row < 0 ? groups[~row].rows.every((member) => selected.has(runs.ids[member])) : selected.has(runs.ids[row]);
    },
    cell: (place, column) => cellOf(context, place, column),
  };
}

/**
 * Return the rows and columns that the table shows, with exact values, for a file.
 * @param {ExperimentModel} model
 * @param {any} actions
 * @returns {import("../lib/export.js").ExportTable}
 */
export function exportedTable(model, actions) {
  const { runs } = model;
  const rows = [...model.places.peek().at].filter((row) => row >= 0);
  const listed = rows.length ? rows : [...model.rows.peek()];
  const columns = model.columns.peek().map((id) => tableColumn(id, runs, actions.widths()));
  return {
    rows: listed.length,
    columns: [
      { label: "run_id", get: (row) => runs.ids[listed[row]] },
      ...columns.map(({ id, kind }) => ({
        label: id,
        get(/** @type {number} */ row) {
          const found = runs.columns.get(id);
          if (!found) return null;
          if (found.kind === "text") return found.words[found.codes[listed[row]]];
          const value = found.values[listed[row]];
          if (Number.isNaN(value)) return runs.isNan(id, listed[row]) ? NaN : null;
          return kind === "time" ? new Date(value).toISOString() : value;
        },
      })),
    ],
  };
}
