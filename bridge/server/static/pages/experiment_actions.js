/** What a person does on the experiment page: each action changes the state of the address, or asks the server. */

import { signal } from "@preact/signals";
import { updateRuns } from "../data/edits.js";
import { columnParts } from "../lib/column.js";
import { addClause, clauseText } from "../lib/filter.js";
import { roundedRange } from "../lib/scale.js";
import { toast } from "../parts/toast.js";
import { parseLayout, printLayout, toggleSection } from "./experiment_layout.js";

/** @typedef {import("./experiment_model.js").ExperimentModel} ExperimentModel */
/** @typedef {import("../shell.js").Shell} Shell */
/** @typedef {import("./experiment_layout.js").Layout} Layout */

/**
 * @param {ExperimentModel} model
 * @param {Shell} shell
 */
export function makeActions(model, shell) {
  const { state } = model;
  let anchor = "";
  /** What the picker of columns looks for first; null while it is closed. */
  const picker = signal(/** @type {string | null} */ (null));
  const editing = signal(-1);
  const noting = signal("");
  const groupOpener = { current: /** @type {(() => void) | null} */ (null) };
  /** Milliseconds before the charts ask for another range: while one drags, they wait. */
  const pace = { delay: 0 };
  const other = (/** @type {Record<string, string>} */ changes, how = /** @type {"push" | "replace"} */ ("push")) =>
    shell.change({ other: { ...state.peek().other, ...changes } }, how);
  const columns = () => model.columns.peek();

  const self = {
    picker, editing, noting, groupOpener, pace,

    /** Sort by a column: ascending, then descending, then not. */
    sort(/** @type {string} */ id, /** @type {boolean} */ add) {
      const before = state.peek().sort;
      const now = before.find((item) => item.column === id);
      const rest = add ? before.filter((item) => item.column !== id) : [];
      const next = !now ? [...rest, { column: id, descending: false }] : now.descending ? rest : [...rest, { column: id, descending: true }];
      shell.change({ sort: next });
    },

    /** @returns {import("../parts/menu.js").MenuEntry[]} */
    moreOfSelection: () => [
      { label: "Only these in the charts", icon: "chart", run: () => self.only([...model.selected.peek()]) },
      { label: "Keep at the top", icon: "pin", run: () => shell.change({ pinned: [...new Set([...state.peek().pinned, ...model.selected.peek()])] }) },
      { label: "Select the others", run: self.invert },
    ],

    activate(/** @type {number} */ place) {
      const { at } = model.places.peek();
      if (at.length) model.active.value = model.idAt(Math.max(0, Math.min(at.length - 1, place)));
    },

    move(/** @type {number} */ step, select = false) {
      const place = Math.max(0, Math.min(model.places.peek().at.length - 1, model.activePlace + step));
      if (select) self.select(place, true);
      self.activate(place);
    },

    /** Select or deselect a row; with `range` all rows from the last one. */
    select(/** @type {number} */ place, /** @type {boolean} */ range) {
      if (place < 0) return;
      const next = new Set(model.selected.peek());
      const ids = model.runsAt(place);
      const { at } = model.places.peek();
      let from = place;
      if (range) {
        const row = model.runs.rowById.get(anchor || model.active.peek());
        from = row === undefined ? place : Math.max(0, at.indexOf(row));
      }
      if (range) {
        for (let i = Math.min(from, place); i <= Math.max(from, place); i++) for (const id of model.runsAt(i)) next.add(id);
      } else {
        const on = !ids.every((id) => next.has(id));
        for (const id of ids) if (on) next.add(id);
        else next.delete(id);
        anchor = ids[0] || "";
      }
      model.selected.value = next;
    },

    selectAll() {
      const ids = [...model.rows.peek()].map((row) => model.runs.ids[row]);
      model.selected.value = new Set(ids.every((id) => model.selected.peek().has(id)) ? [] : ids);
    },

    invert() {
      const before = model.selected.peek();
      model.selected.value = new Set([...model.rows.peek()].map((row) => model.runs.ids[row]).filter((id) => !before.has(id)));
    },

    clear() {
      if (!model.selected.peek().size) return false;
      model.selected.value = new Set();
      anchor = "";
      return true;
    },

    /** Show or hide the runs at a place in the charts. */
    eye(/** @type {number} */ place) {
      if (place < 0) return;
      const ids = model.runsAt(place);
      const { show, hide } = state.peek();
      const shown = model.shownSet.peek();
      if (ids.some((id) => shown.has(id))) {
        if (show.kind === "ids") shell.change({ show: { kind: "ids", ids: show.ids.filter((id) => !ids.includes(id)) } });
        else shell.change({ hide: [...hide, ...ids.filter((id) => shown.has(id))] });
      } else if (ids.every((id) => hide.includes(id))) shell.change({ hide: hide.filter((id) => !ids.includes(id)) });
      else shell.change({ show: { kind: "ids", ids: [...new Set([...model.shown.peek(), ...ids])] }, hide: [] });
    },

    /** Show only these runs in the charts, or what was shown by default again. */
    only(/** @type {string[]} */ ids) {
      const { show } = state.peek();
      const same = show.kind === "ids" && show.ids.length === ids.length && ids.every((id) => show.ids.includes(id));
      shell.change({ show: same ? { kind: "top", count: 50 } : { kind: "ids", ids }, hide: [] });
    },

    fold(/** @type {number} */ place) {
      const id = model.idAt(place);
      const next = new Set(model.open.peek());
      if (!next.delete(id)) next.add(id);
      model.open.value = next;
    },

    openPlace(/** @type {number} */ place) {
      if (place < 0) return false;
      if (model.places.peek().at[place] < 0) self.fold(place);
      else shell.go(self.href(model.idAt(place)));
      return true;
    },

    href: (/** @type {string} */ run) => shell.href({ page: "run", id: run }),

    compareHref() {
      const runs = [...model.selected.value].slice(0, 100);
      return shell.href({ page: "compare", id: model.id }, runs.length ? { runs } : { q: state.value.q });
    },

    resize(/** @type {string} */ id, /** @type {number} */ width) {
      const widths = new Map(self.widths());
      widths.set(id, width);
      other({ w: [...widths].map(([name, size]) => `${encodeURIComponent(name)}:${size}`).join(",") }, "replace");
    },

    /** @returns {Map<string, number>} */
    widths() {
      const pairs = (state.peek().other.w || "").split(",").map((part) => /^(.+):(\d+)$/.exec(part));
      return new Map(pairs.flatMap((pair) => (pair ? [[decodeURIComponent(pair[1]), Number(pair[2])]] : [])));
    },

    moveColumn(/** @type {string} */ id, /** @type {string | null} */ before) {
      const rest = columns().filter((name) => name !== id);
      const at = before === null ? rest.length : rest.indexOf(before);
      shell.change({ cols: [...rest.slice(0, at), id, ...rest.slice(at)] });
    },

    setColumn(/** @type {string} */ id, /** @type {boolean} */ on) {
      const rest = columns().filter((name) => name !== id);
      // A value of a metric comes after its other values.
      const { entity, key } = columnParts(id);
      const at = (entity === "metric" && rest.findLastIndex((name) => columnParts(name).key === key) + 1) || rest.length;
      shell.change({ cols: on ? rest.toSpliced(at, 0, id) : rest.length ? rest : ["name"] });
    },

    other: (/** @type {string} */ name, /** @type {string} */ on) => other({ [name]: state.peek().other[name] === on ? "" : on }),

    toFilter: () => /** @type {HTMLElement | null} */ (document.querySelector("[aria-label='Filter runs']"))?.focus(),
    openColumns: (find = "") => (picker.value = find),
    resetColumns: () => shell.change({ cols: null }),
    toggleOnly: () => other({ only: state.peek().other.only === "1" ? "" : "1" }),
    toggleLog: () => shell.change({ y: state.peek().y === "log" ? "linear" : "log" }),
    toggleOutliers: () => other({ outliers: state.peek().other.outliers === "hide" ? "" : "hide" }),
    fill: (/** @type {"table" | "charts"} */ side) => other({ fill: state.peek().other.fill === side ? "" : side }),

    group(/** @type {string} */ id, /** @type {boolean} */ on) {
      const rest = state.peek().group.filter((name) => name !== id);
      shell.change({ group: on ? [...rest, id] : rest });
    },

    zoom(/** @type {number} */ low, /** @type {number} */ high) {
      if (!(high > low)) return;
      pace.delay = 120;
      shell.change({ range: roundedRange(low, high) }, "push");
    },

    resetZoom() {
      pace.delay = 0;
      if (state.peek().range) shell.change({ range: null });
    },

    layout: (/** @type {Layout} */ layout, how = /** @type {"push" | "replace"} */ ("push")) => shell.change({ charts: printLayout(layout) }, how),
    toggleSection: (/** @type {import("./experiment_layout.js").Section} */ section) =>
      self.layout(toggleSection(parseLayout(state.peek().charts), section)),

    changeChart(/** @type {string} */ key, /** @type {"pin" | "big" | "log"} */ how) {
      if (how === "log") return self.toggleLog();
      const layout = parseLayout(state.peek().charts);
      const list = layout[how];
      self.layout({ ...layout, [how]: list.includes(key) ? list.filter((name) => name !== key) : [...list, key] });
    },

    large: (/** @type {string} */ key) => other({ chart: key }),

    baseline() {
      const [row] = model.runsAt(model.activePlace);
      if (row) shell.change({ base: state.peek().base === row ? "" : row });
    },

    /** Filter by the value of a cell. */
    filterBy(/** @type {number} */ place, /** @type {string} */ column) {
      const row = model.places.peek().at[place];
      if (row < 0) return;
      if (columnParts(column).statistic !== "last") return toast("A filter knows only the latest value of a metric.");
      const found = model.runs.columns.get(column);
      const value = found && (found.kind === "text" ? found.words[found.codes[row]] : found.values[row]);
      if (value === null || value === undefined || Number.isNaN(value)) return;
      shell.change({ q: addClause(state.peek().q, clauseText(column, "=", value)) });
    },

    startRename() {
      if (shell.role === "reader" || model.places.peek().at[model.activePlace] === undefined) return;
      if (model.places.peek().at[model.activePlace] >= 0) editing.value = model.activePlace;
    },

    startNote() {
      const [run] = model.runsAt(model.activePlace);
      if (run) noting.value = run;
    },

    async rename(/** @type {number} */ place, /** @type {string | null} */ name) {
      editing.value = -1;
      if (name === null) return;
      const id = model.idAt(place);
      try {
        await updateRuns([id], { name });
        const row = /** @type {number} */ (model.runs.rowById.get(id));
        const column = model.runs.columns.get("name");
        if (column?.kind === "text") column.codes[row] = column.words.push(name) - 1;
        model.version.value++;
      } catch (error) {
        toast(/** @type {Error} */ (error).message, { kind: "problem" });
      }
    },
  };
  return self;
}
