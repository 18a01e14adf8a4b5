/** The data of the run page: the run, its metrics, and what changes while the page is open. */

import { batch, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import * as api from "../data/api.js";
import { openStream } from "../data/live.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */
/** @typedef {import("@preact/signals").Signal<any>} AnySignal */

const TERMINAL = ["Completed", "Failed", "Canceled"];

/** The time after a change until the page asks again: changes in between are taken together. */
const PAUSE_MS = 150;

/** Whether a run can still change by itself. @param {{ status: string } | null} run */
export const isOpen = (run) => run !== null && !TERMINAL.includes(run.status);

/**
 * The signals of a run. `series` and `files` are other numbers after each change of points and of files.
 * @param {string} id
 * @param {import("../shell.js").Shell} shell
 */
export function useRun(id, shell) {
  const data = useMemo(() => new RunData(id), [id]);
  useEffect(() => {
    data.open(shell);
    return () => data.close();
  }, [data]);
  return data;
}

export class RunData {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.run = signal(/** @type {any} */ (null));
    this.metrics = signal(/** @type {Metric[] | null} */ (null));
    this.error = signal(/** @type {unknown} */ (null));
    this.series = signal(0);
    this.files = signal(0);
    this.closed = false;
    this.wanted = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    /** @type {{ close: () => void } | null} */
    this.stream = null;
  }

  /** @param {import("../shell.js").Shell} shell */
  open(shell) {
    this.closed = false;
    // The stream is opened first, so that nothing is missed that changes while the page reads.
    this.stream = openStream({
      run: this.id,
      onChange: (changes) => this.#changed(changes),
      onState: (state) => (shell.live.value = state),
    });
    return this.load();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.stream?.close();
    this.stream = null;
  }

  /** Read the run and its metrics. */
  async load() {
    try {
      const metricsLater = api.getRunMetrics(this.id);
      metricsLater.catch(() => {}); // awaited below
      const run = await api.getRun(this.id);
      if (this.closed) return;
      // The first time, the page shows the run while it waits for thousands of metrics.
      if (!this.run.value) this.run.value = run;
      const metrics = await metricsLater;
      if (this.closed) return;
      batch(() => {
        this.run.value = run;
        this.metrics.value = metrics;
        this.error.value = null;
      });
    } catch (error) {
      // What is shown stays if the server does not answer for a while.
      if (!this.closed && !this.run.value) this.error.value = error;
    }
  }

  /** @param {import("../data/live.js").Changes} changes */
  #changed(changes) {
    if (changes.files.includes(this.id) || !changes.complete) this.files.value++;
    const own =
      !changes.complete || [changes.runs, changes.created, changes.removed].some((ids) => ids.includes(this.id));
    if (!own) return;
    this.wanted = true;
    if (this.timer === undefined) this.timer = setTimeout(() => this.#refresh(), PAUSE_MS);
  }

  async #refresh() {
    this.wanted = false;
    const begin = performance.now();
    await this.load();
    if (this.closed) return;
    this.series.value++;
    // A run with very many points takes the server a while: it is asked less often.
    const pause = Math.max(PAUSE_MS, 2 * (performance.now() - begin));
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.wanted) this.#refresh();
    }, pause);
  }
}

/** @typedef {import("../data/series.js").Sampled} Sampled */
/** @typedef {(key: string) => Promise<Sampled[]>} SeriesReader Reads a metric: a series of each run that has points. */

/** The time between the first request of a series and the one that asks for all of them. */
const TOGETHER_MS = 15;

/**
 * A function that reads series of runs. Calls at about the same time become one request.
 * @param {string[]} runs
 * @param {number} buckets
 * @param {string} x
 * @param {number} [low]
 * @param {number} [high]
 * @returns {SeriesReader}
 */
export function seriesReader(runs, buckets, x = "step", low, high) {
  /** @type {Map<string, Promise<Sampled[]>>} */
  let waiting = new Map();
  /** @type {Promise<Sampled[]> | null} */
  let answer = null;
  return (key) => {
    const known = waiting.get(key);
    if (known) return known;
    answer ??= new Promise((resolve) => setTimeout(resolve, TOGETHER_MS)).then(async () => {
      const keys = [...waiting.keys()];
      waiting = new Map();
      answer = null;
      const { series } = await api.getSeries({ runs, keys, buckets, x, low, high });
      return series;
    });
    const own = answer.then((found) => found.filter((one) => one.key === key));
    waiting.set(key, own);
    return own;
  };
}
