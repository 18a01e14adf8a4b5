/** What the experiment page knows: its runs, which of them are shown in which order, and what was chosen. */

import { computed, signal } from "@preact/signals";
import { stepOf } from "../lib/column.js";
import { chooseColumns } from "../lib/column_choice.js";
import { neutral, runColour, viridis } from "../lib/colour.js";
import { kept, order } from "../lib/order.js";
import { colourBy } from "./experiment_colours.js";
import { groupName, groupsOf, placesOf } from "./experiment_entries.js";
import { load, loadColumns, match } from "./experiment_load.js";
import { Runs } from "./experiment_runs.js";

/** @typedef {import("../lib/state.js").State} State */
/** @typedef {import("../data/api.js").Key} Key */

const MANY_LINES = 60;

/**
 * Return a function with the same results, which returns the list of before if it has the same entries.
 * @template {ArrayLike<unknown>} List
 * @param {() => List} make
 * @returns {() => List}
 */
function keeping(make) {
  /** @type {List | null} */
  let before = null;
  return () => (before = kept(before, make()));
}

export class ExperimentModel {
  /**
   * @param {string} id
   * @param {import("@preact/signals").ReadonlySignal<State>} state
   * @param {import("@preact/signals").ReadonlySignal<boolean>} dark
   */
  constructor(id, state, dark) {
    this.id = id;
    this.state = state;
    this.dark = dark;
    this.runs = new Runs();
    this.experiment = signal(/** @type {any} */ (null));
    this.keys = signal(/** @type {Key[] | null} */ (null));
    this.version = signal(0);
    /** The number of all runs, of which only a part is read if there are very many. */
    this.total = signal(0);
    /** The number of runs that match, if they are more than those that were read; otherwise 0. */
    this.beyond = signal(0);
    this.error = signal(/** @type {unknown} */ (null));
    this.matched = signal(/** @type {Set<number> | null} */ (null));
    this.selected = signal(/** @type {Set<string>} */ (new Set()));
    this.active = signal("");
    this.open = signal(/** @type {Set<string>} */ (new Set()));
    this.hover = signal(/** @type {import("../parts/lines.js").Hover} */ ({ chart: "", run: null, x: null }));
    this.cursor = "";
    /** How many runs are read at most: all, or so many of them. */
    this.limit = Infinity;
    this.view = /** @type {"active" | "deleted"} */ (state.peek().other.stage === "archived" ? "deleted" : "active");
    this.loading = new Set();

    this.columns = computed(() => {
      const { cols, sort, group } = state.value;
      if (cols) return cols;
      // What the runs are ordered or grouped by is shown, too.
      const chosen = chooseColumns(this.keys.value, this.experiment.value?.runs || 0);
      const more = [...group, ...sort.map((item) => item.column)].filter((name) => !chosen.includes(name));
      return [...chosen.slice(0, 3), ...new Set(more), ...chosen.slice(3)];
    });
    this.sort = computed(() => state.value.sort);
    /** The columns that the table, the order or the groups need. */
    this.wanted = computed(() => {
      const { sort, group, other } = state.value;
      const names = [...this.columns.value, ...sort.map((item) => item.column), ...group, other.colour || ""];
      return [...new Set([...names, ...names.map(stepOf)])].filter(Boolean);
    });
    /** How many runs the browser has. */
    this.count = computed(() => (this.version.value < 0 ? 0 : this.runs.count - this.runs.gone.size));
    this.rows = computed(keeping(() => this.sortRows()));
    this.groups = computed(() =>
      this.version.value >= 0 && state.value.group.length ? groupsOf(this.runs, this.rows.value, state.value.group) : null,
    );
    this.places = computed(() => {
      // A run can get another parent, so this depends on the values of runs, too.
      const tree = this.version.value >= 0 && !state.value.group.length && state.value.other.tree !== "flat";
      return placesOf(this.runs, this.rows.value, { groups: this.groups.value, open: this.open.value, tree });
    });
    this.shown = computed(keeping(() => this.shownIds()));
    this.shownSet = computed(() => new Set(this.shown.value));
    this.ranks = computed(() => {
      const ids = this.shown.value;
      return ids.length > MANY_LINES ? new Map(ids.map((run, at) => [run, at / (ids.length - 1)])) : null;
    });
    this.colourBy = computed(() => (this.version.value < 0 ? null : colourBy(this.runs, this.rows.value, state.value.other.colour || "")));
    this.groupColours = computed(() => {
      const names = (this.groups.value || []).map((group) => group.key).sort();
      return new Map(names.map((name, number) => [name, number + 1]));
    });
  }

  /** Read what the first picture needs. */
  load() {
    return load(this);
  }

  /** Read the columns that are wanted and not there yet. */
  loadColumns() {
    return loadColumns(this);
  }

  /** Ask which runs the filter leaves. Runs that came in meanwhile are read. */
  match() {
    return match(this);
  }

  sortRows() {
    const { runs } = this;
    const { sort } = this.state.value;
    if (this.version.value < 0) return new Uint32Array();
    const keys = [];
    for (const { column, descending } of [...sort, { column: "start_time", descending: true }]) {
      const found = runs.columns.get(column);
      if (!found) continue;
      if (found.kind === "text") keys.push({ values: found.codes, words: found.words, descending });
      else keys.push({ values: found.values, present: found.present || undefined, descending });
    }
    const matched = this.matched.value;
    const { pinned } = this.state.value;
    const all = order(runs.count, keys).filter((row) => !runs.gone.has(row) && (!matched || matched.has(row)));
    if (!pinned.length) return all;
    const first = pinned.flatMap((id) => runs.rowById.get(id) ?? []).filter((row) => !runs.gone.has(row));
    const above = new Set(first);
    return Uint32Array.from([...first, ...all.filter((row) => !above.has(row))]);
  }

  /** The ids of the runs in the charts, in order. */
  shownIds() {
    const { show, hide } = this.state.value;
    const { runs } = this;
    if (show.kind === "ids") return show.ids.filter((id) => runs.rowById.has(id) && !hide.includes(id));
    const hidden = new Set(hide);
    const most = show.kind === "all" ? 1000 : show.count;
    /** @type {string[]} */
    const ids = [];
    for (const row of this.rows.value) {
      if (ids.length >= most) break;
      const id = runs.ids[row];
      if (!hidden.has(id)) ids.push(id);
    }
    return ids;
  }

  /**
   * Return how a run looks in the table and in the charts.
   * @param {string} id
   */
  look(id) {
    const row = this.runs.rowById.get(id);
    if (row === undefined) return { name: id, colour: neutral(this.dark.value).missing, dash: [] };
    const name = this.runs.text("name", row) || id;
    const chosen = this.colourBy.value?.(row, this.dark.value);
    if (chosen) return { name, ...chosen };
    const rank = this.ranks.value?.get(id);
    if (rank !== undefined) return { name, colour: viridis(rank), dash: [] };
    return { name, ...runColour(this.runs.numbers[row], this.dark.value) };
  }

  /**
   * Return how a group looks.
   * @param {string} key
   */
  groupLook(key) {
    const group = (this.groups.value || []).find((candidate) => candidate.key === key);
    const number = this.groupColours.value.get(key) || 0;
    return { name: group ? groupName(group) : key, ...runColour(number, this.dark.value) };
  }

  /** The place of the cursor in the table; -1 if it is not on a row. */
  get activePlace() {
    const id = this.active.value;
    if (!id) return -1;
    const { at, groups } = this.places.value;
    const group = groups.findIndex((candidate) => candidate.key === id);
    if (group >= 0) return at.indexOf(~group);
    const row = this.runs.rowById.get(id);
    return row === undefined ? -1 : at.indexOf(row);
  }

  /** The runs that an action may have changed: the selected ones, or the one under the cursor. */
  changed() {
    return this.selected.peek().size ? [...this.selected.peek()] : this.runsAt(this.activePlace);
  }

  /**
   * Return the id of the entry at a place: a run's id, or a group's key.
   * @param {number} place
   */
  idAt(place) {
    const { at, groups } = this.places.peek();
    return at[place] < 0 ? groups[~at[place]].key : this.runs.ids[at[place]];
  }

  /**
   * Return the ids of the runs at a place: one, or those of a group.
   * @param {number} place
   */
  runsAt(place) {
    const { at, groups } = this.places.peek();
    const row = at[place];
    if (row === undefined) return [];
    return row < 0 ? groups[~row].rows.map((member) => this.runs.ids[member]) : [this.runs.ids[row]];
  }
}
