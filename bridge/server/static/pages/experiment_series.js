/** The lines of the charts on the screen: asked for together, kept while the view stays, and extended while runs log. */

import { signal } from "@preact/signals";
import { getSeries } from "../data/api.js";
import { fairShare } from "../lib/group.js";
import { toLine } from "../parts/lines_data.js";
import { extend } from "./experiment_tails.js";

/** @typedef {import("../parts/lines_data.js").Line} Line */
/** @typedef {import("../parts/lines_data.js").Sampled} Sampled */
/** @typedef {{ name: string, colour: string, dash: number[] }} Look */

/**
 * What the charts show. `lines` are the ids of runs or, with `groups`, the names of groups, in order.
 * @typedef {object} View
 * @property {string[]} lines
 * @property {(id: string) => Look} look
 * @property {string} x
 * @property {[number, number] | null} range
 * @property {number} buckets
 * @property {Record<string, string> | null} groups the group of each run; null shows runs
 * @property {"std" | "minmax" | "none" | "quartiles"} band
 * @property {(id: string) => number} start the start time of a run
 */

/**
 * The lines of one chart. `stale` lines belong to the view before this one.
 * @typedef {{ lines: Line[], version: number, stale: boolean, loaded: boolean, error: unknown }} ChartLines
 */

/**
 * The own axes of a chart: `key` over `x`, in a range of its own.
 * @typedef {{ key: string, x: string, range: [number, number] | null }} OwnAxes
 */

/** @typedef {{ axes: OwnAxes | null, view: string, have: Map<string, Line | null>, old: Set<string>, shown: import("@preact/signals").Signal<ChartLines> }} Store */

const [KEYS_AT_FIRST, KEYS_AT_ONCE] = [2, 8]; // the first answer is small, so that the first charts are there soon
const REQUESTS_AT_ONCE = 2;
const LATEST_MS = 2000;
const IDLE_MS = 1000;
const MOST_KEPT = 400;
/** The greatest number of runs in the lines of groups, of each group about the same number. */
export const GROUPED_RUNS = 1000;

export class ChartSeries {
  constructor() {
    /** @type {Map<string, Store>} */
    this.charts = new Map();
    /** @type {Set<string>} the charts on the screen and near it */
    this.visible = new Set();
    /** @type {Set<string>} the charts on the screen: only these follow what runs log */
    this.seen = new Set();
    /** @type {View | null} */
    this.view = null;
    this.viewId = this.shape = this.looks = "";
    this.running = this.planned = this.version = 0;
    this.closed = false;
    /** Whether the first charts are drawn, so that the rest of the page can be loaded. */
    this.drawn = signal(false);
    this.first = true;
    this.drawn.subscribe((drawn) => drawn && this.plan(0));
  }

  /** Let the rest of the page be loaded although no chart is drawn, unless the lines of one are under way. */
  settle() {
    setTimeout(() => this.running || (this.drawn.value = true), LATEST_MS);
  }

  /** Return the lines of a chart, as a signal. @param {string} key */
  of(key) {
    return this.store(key).shown;
  }

  /** @param {string} key */
  store(key) {
    let store = this.charts.get(key);
    if (!store) {
      /** @type {ChartLines} */
      const empty = { lines: [], version: 0, stale: false, loaded: false, error: null };
      store = { axes: null, view: "", have: new Map(), old: new Set(), shown: signal(empty) };
      this.charts.set(key, store);
    }
    return store;
  }

  /**
   * Show other lines, or the same in another range.
   * @param {View} view
   * @param {number} delay milliseconds before the server is asked
   */
  setView(view, delay = 0) {
    const { x, range, buckets, groups, band } = view;
    const grouped = groups ? `${view.lines.join("\n")}|${Object.keys(groups).length}|${band}` : "";
    this.shape = `${buckets}|${grouped}`;
    this.viewId = [x, range ? range.join("..") : "", this.shape].join("|");
    this.view = view;
    // Rows change each second while runs log. Charts are drawn again only if their lines are others, or look different.
    const looks = JSON.stringify([this.viewId, view.lines.map((id) => [id, view.look(id)])]);
    if (looks === this.looks) return;
    this.looks = looks;
    for (const key of this.charts.keys()) this.publish(key);
    this.plan(delay);
  }

  /** Give a chart axes of its own. @param {string} name @param {OwnAxes} axes */
  setAxes(name, axes) {
    this.store(name).axes = axes;
    this.publish(name);
    this.plan(0);
  }

  /** What the lines of a chart show: lines with another id are those of another view. @param {Store} store */
  idOf({ axes }) {
    return axes ? JSON.stringify([axes, this.shape]) : this.viewId;
  }

  /** @param {string} key @param {boolean} visible */
  setVisible(key, visible) {
    if (!visible) this.visible.delete(key);
    else if (this.visible.add(key)) this.plan(0);
  }

  /** @param {string} key @param {boolean} seen */
  setSeen(key, seen) {
    if (!seen) this.seen.delete(key);
    else if (this.seen.add(key) && (this.store(key).old.size || !this.drawn.peek())) this.plan(0);
  }

  /** @param {number} delay */
  plan(delay) {
    clearTimeout(this.planned);
    this.planned = setTimeout(() => this.ask(), delay);
  }

  /** Ask for what the visible charts lack: at first for those on the screen, and when these are drawn for those near it. */
  ask() {
    const { view } = this;
    if (!view || this.closed) return;
    /** @type {Map<string, string[]>} the charts that lack the same lines; one with axes of its own is alone */
    const wanted = new Map();
    for (const key of this.drawn.peek() || !this.seen.size ? this.visible : this.seen) {
      const store = this.store(key);
      const fresh = store.view === this.idOf(store);
      const seen = this.seen.has(key);
      const lacking = view.lines.filter((id) => !fresh || !store.have.has(id) || (seen && store.old.has(id)));
      if (!lacking.length) continue;
      const name = JSON.stringify([lacking, store.axes && key]);
      wanted.set(name, [...(wanted.get(name) || []), key]);
    }
    for (const [lines, keys] of wanted) {
      if (this.running >= REQUESTS_AT_ONCE) return;
      this.load(JSON.parse(lines)[0], keys.slice(0, this.first ? KEYS_AT_FIRST : KEYS_AT_ONCE));
      this.first = false;
    }
  }

  /** @param {string[]} lines @param {string[]} keys */
  async load(lines, keys) {
    const view = /** @type {View} */ (this.view);
    const { axes } = this.store(keys[0]);
    const id = this.idOf(this.store(keys[0]));
    const { groups, buckets, band } = view;
    const { x, range } = axes || view;
    const asked = axes ? [axes.key] : keys;
    this.running++;
    // What is under way counts as there, so that it is not asked for twice.
    for (const key of keys) {
      const store = this.store(key);
      if (store.view !== id) {
        store.view = id;
        store.have = new Map();
      }
      for (const line of lines) {
        store.have.set(line, store.have.get(line) || null);
        store.old.delete(line);
      }
    }
    const runs = groups ? fairShare(groups, GROUPED_RUNS) : lines;
    try {
      const answer = await getSeries({
        runs, keys: asked, buckets, x, ...(range ? { low: range[0], high: range[1] } : {}), ...(groups ? { groups } : {}),
      });
      for (const sampled of /** @type {Sampled[]} */ (answer.series)) {
        const store = this.store(axes ? keys[0] : sampled.key);
        if (store.view !== id) continue;
        const look = { ...view.look(sampled.run), band: groups ? band : /** @type {const} */ ("minmax") };
        store.have.set(sampled.run, toLine(sampled, look));
      }
      for (const key of keys) if (this.store(key).view === id) this.publish(key, true);
    } catch (error) {
      for (const key of keys) this.store(key).shown.value = { ...this.store(key).shown.peek(), error, loaded: true };
    }
    // The charts are drawn before the browser is idle.
    requestIdleCallback(() => (this.drawn.value = true), { timeout: IDLE_MS });
    this.running--;
    this.ask();
  }

  /** Give a chart the lines that are there. @param {string} key @param {boolean} [arrived] */
  publish(key, arrived = false) {
    const { view } = this;
    const store = this.store(key);
    if (!view) return;
    const before = store.shown.peek();
    if (store.view !== this.idOf(store) || (!arrived && !before.loaded)) {
      if (before.loaded && !before.stale) store.shown.value = { ...before, stale: true };
      return;
    }
    /** @type {Line[]} */
    const lines = [];
    for (const id of view.lines) {
      const line = store.have.get(id);
      if (!line) continue;
      Object.assign(line, view.look(id));
      lines.push(line);
    }
    if (store.have.size > MOST_KEPT) {
      const shown = new Set(view.lines);
      for (const id of store.have.keys()) if (!shown.has(id)) store.have.delete(id);
    }
    store.shown.value = { lines, version: ++this.version, stale: false, loaded: true, error: null };
  }

  /** Add what runs have logged to the charts on the screen. @param {Set<string>} runs */
  extend(runs) {
    return extend(this, runs);
  }

  /** Ask for lines again. @param {string[]} lines */
  refresh(lines) {
    for (const store of this.charts.values()) for (const line of lines) if (store.have.has(line)) store.old.add(line);
    this.plan(700);
  }

  close() {
    this.closed = true;
    clearTimeout(this.planned);
  }
}
