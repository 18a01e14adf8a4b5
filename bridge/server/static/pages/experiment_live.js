/** What other processes log, as it comes in: rows, points of the visible charts, keys. Nothing else moves. */

import { signal } from "@preact/signals";
import { getKeys, getTable } from "../data/api.js";
import { openStream } from "../data/live.js";
import { columnsOf, isPart } from "./experiment_load.js";

/** @typedef {{ created?: string[], runs?: string[], removed?: string[], complete?: boolean }} Changes */

const KEYS_EVERY_MS = 4000;
const ROWS_AT_ONCE = 1000;
/** The share of a core that updates may take. */
const SHARE = 0.1;

export class ExperimentLive {
  /**
   * @param {import("./experiment_model.js").ExperimentModel} model
   * @param {import("./experiment_series.js").ChartSeries} series
   * @param {(state: any) => void} onState
   */
  constructor(model, series, onState) {
    this.model = model;
    this.series = series;
    this.onState = onState;
    /** The runs that came in above the screen and were not looked at yet. */
    this.fresh = signal(/** @type {Set<string>} */ (new Set()));
    this.atTop = true;
    /** @type {{ created: Set<string>, runs: Set<string>, removed: Set<string>, all: boolean }} */
    this.waiting = { created: new Set(), runs: new Set(), removed: new Set(), all: false };
    this.busy = false;
    this.keysAt = 0;
    this.paused = false;
    /** @type {{ close: () => void } | null} */
    this.stream = null;
  }

  open() {
    this.stream?.close();
    this.stream = openStream({
      experiment: this.model.id,
      since: this.model.cursor,
      onChange: (/** @type {Changes} */ changes) => this.take(changes),
      onState: this.onState,
    });
  }

  /** Stop, or go on with what changed since. */
  toggle() {
    this.paused = !this.paused;
    if (this.paused) {
      this.stream?.close();
      this.onState("paused");
    } else this.open();
  }

  close() {
    this.paused = true;
    this.stream?.close();
  }

  /** @param {Changes} changes */
  take({ created = [], runs = [], removed = [], complete }) {
    const { waiting } = this;
    for (const id of created) waiting.created.add(id);
    for (const id of runs) waiting.runs.add(id);
    for (const id of removed) waiting.removed.add(id);
    if (complete === false) waiting.all = true;
    if (!this.busy) this.work();
  }

  async work() {
    const { created, runs, removed, all } = this.waiting;
    if (!created.size && !runs.size && !removed.size && !all) return;
    this.waiting = { created: new Set(), runs: new Set(), removed: new Set(), all: false };
    this.busy = true;
    const began = performance.now();
    try {
      if (all) await this.reload();
      else await this.apply(created, runs, removed);
    } catch (error) {
      console.warn("Cannot read what changed.", error);
    }
    // The next update waits so long that updates take a tenth of a core, of the browser and of the server, but never as
    // long as a second.
    const spent = performance.now() - began;
    setTimeout(() => {
      this.busy = false;
      this.work();
    }, Math.min(600, spent / SHARE));
  }

  /**
   * Read rows and points.
   * @param {Set<string>} created
   * @param {Set<string>} runs
   * @param {Set<string>} removed
   */
  async apply(created, runs, removed) {
    const { model, series } = this;
    const ids = [...new Set([...created, ...runs])];
    const cols = columnsOf(model);
    const { q } = model.state.peek();
    const before = model.runs.version;
    for (let at = 0; at < ids.length; at += ROWS_AT_ONCE) {
      const part = ids.slice(at, at + ROWS_AT_ONCE);
      const table = await getTable(model.id, { ids: part, cols, view: model.view });
      const there = new Set(table.ids);
      model.runs.remove(part.filter((id) => !there.has(id)));
      const rows = model.runs.take(table);
      if (isPart(model) && !q.trim()) for (const row of rows) model.matched.peek()?.add(row);
      if (!this.atTop && rows.length) this.fresh.value = new Set([...this.fresh.peek(), ...rows.map((row) => model.runs.ids[row])]);
    }
    model.runs.remove(removed);
    // Runs mostly log metrics that the table does not show.
    if (model.runs.version !== before) model.version.value++;
    if (q.trim() && !model.beyond.peek()) await model.match();
    await series.extend(new Set(ids));
    if (performance.now() - this.keysAt > KEYS_EVERY_MS) {
      this.keysAt = performance.now();
      this.readKeys();
    }
  }

  /** Read the keys if there are others than before. */
  async readKeys() {
    const { model } = this;
    const { keys } = await getKeys(model.id, { limit: 2000 });
    const name = (/** @type {any[] | null} */ list) => JSON.stringify((list || []).map((key) => [key.entity, key.key, key.column, key.type]));
    if (name(keys) !== name(model.keys.peek())) model.keys.value = keys;
  }

  /** Read everything again: the server does not know what changed since the cursor. */
  async reload() {
    const { model, series } = this;
    if (isPart(model)) {
      await model.match();
      return;
    }
    const before = new Set(model.runs.ids);
    const table = await getTable(model.id, { cols: columnsOf(model), view: model.view });
    const there = new Set(table.ids);
    model.runs.remove([...before].filter((id) => !there.has(id)));
    model.runs.take(table);
    model.version.value++;
    series.refresh(model.shown.peek());
    await this.readKeys();
  }
}
