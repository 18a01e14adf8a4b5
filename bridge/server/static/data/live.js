/** The stream of changes. A page that is hidden closes it, and pages that are shown at the same time share one. */

import { address, getJson } from "./http.js";

/**
 * What has changed since the event before. `runs` are runs with other fields, points or files; `files` those of them
 * (and of `created`) whose files may have changed. First drop `removed`, then read `created` and `runs`. If `complete`
 * is false, read everything again. While `late` is true, the newest points cannot be stored, and no answer has them.
 * @typedef {{cursor: string, complete: boolean, late: boolean, created: string[], runs: string[], removed: string[], files: string[],
 *   experiments: string[]}} Changes
 */

/** @typedef {"live" | "late" | "connecting" | "polling" | "paused" | "off"} StreamState */

/**
 * @typedef {object} Wanted
 * @property {string | string[]} [experiment] only changes of these experiments and their runs; absent: of everything
 * @property {string | string[]} [run] changes of these runs, too
 * @property {string} [since] the cursor of an earlier answer; absent: the first event says to read everything again
 * @property {(changes: Changes) => void} onChange is called for each event with changes
 * @property {(state: StreamState) => void} [onState]
 */

const POLL_MS = 2000;
const FIRST_EVENT_MS = 8000; // a proxy that keeps events back is noticed after this time
const TRY_AGAIN_MS = 60000;

const NOTHING = { created: [], runs: [], removed: [], files: [], experiments: [] };

/** @param {Changes} changes */
const isEmpty = (changes) =>
  changes.complete && /** @type {(keyof typeof NOTHING)[]} */ (Object.keys(NOTHING)).every((key) => !changes[key].length);

/**
 * Wait for a time, or until a signal.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
const wait = (milliseconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });

/** @param {string | string[] | undefined} ids */
const joined = (ids) => (Array.isArray(ids) ? ids.join(",") : ids);

/**
 * Listen to changes until `close` is called.
 * @param {Wanted} wanted
 * @returns {{close: () => void}}
 */
export function openStream(wanted) {
  const stream = new Stream(wanted);
  stream.start();
  return { close: () => stream.close() };
}

class Stream {
  /** @param {Wanted} wanted */
  constructor({ experiment, run, since, onChange, onState }) {
    this.scope = { experiment: joined(experiment), run: joined(run) };
    this.cursor = since;
    this.onChange = onChange;
    this.onState = onState ?? (() => {});
    this.name = `runbridge ${address("/changes", this.scope)}`;
    this.closed = false;
    /** @type {AbortController | null} what ends everything that this page does while it is shown */
    this.shown = null;
    this.watch = () => (document.hidden ? this.pause() : this.open());
  }

  start() {
    document.addEventListener("visibilitychange", this.watch);
    this.watch();
  }

  close() {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.watch);
    this.shown?.abort();
    this.shown = null;
  }

  pause() {
    this.shown?.abort();
    this.shown = null;
    this.onState("paused");
  }

  open() {
    if (this.closed || this.shown) return;
    this.shown = new AbortController();
    const { signal } = this.shown;
    this.onState("connecting");
    if (navigator.locks && globalThis.BroadcastChannel) this.share(signal);
    else this.lead(signal, () => {});
  }

  /**
   * Take part in the stream of all pages that want the same: one of them has it, and passes events on.
   * @param {AbortSignal} signal
   */
  share(signal) {
    const channel = new BroadcastChannel(this.name);
    signal.addEventListener("abort", () => channel.close());
    let leads = false;
    channel.onmessage = ({ data }) => {
      if (signal.aborted) return;
      if (data === "hello") {
        if (leads) channel.postMessage({ state: this.state });
      } else if (!leads) this.follow(data);
    };
    const tell = (/** @type {unknown} */ message) => !signal.aborted && channel.postMessage(message);
    const granted = () => {
      leads = true;
      return this.lead(signal, tell);
    };
    navigator.locks
      .request(this.name, { ifAvailable: true }, (lock) => (lock ? granted() : null))
      .then(() => {
        if (leads || signal.aborted) return undefined;
        tell("hello");
        this.catchUp(signal);
        return navigator.locks.request(this.name, { signal }, granted);
      })
      .catch((error) => {
        if (!signal.aborted) throw error;
      });
  }

  /** @param {{state?: StreamState, changes?: Changes}} message of the page that has the stream */
  follow({ state, changes }) {
    if (state) this.set(state);
    if (changes) this.take(changes);
  }

  /** Read once what has changed before this page took part. @param {AbortSignal} signal */
  async catchUp(signal) {
    if (!this.cursor) return;
    try {
      this.take(await this.read(signal));
    } catch {
      // The page that has the stream shows what is wrong.
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<Changes>} */
  read(signal) {
    return getJson("/changes", { ...this.scope, since: this.cursor }, signal);
  }

  /** @param {Changes} changes */
  take(changes) {
    // Without a cursor, nobody knows what has changed between the answers of this page and the first event.
    const isUnknown = this.cursor === undefined;
    this.cursor = changes.cursor;
    if (isUnknown) this.onChange({ ...changes, complete: false });
    else if (!isEmpty(changes)) this.onChange(changes);
  }

  /** @param {StreamState} state */
  set(state) {
    this.state = state;
    this.onState(state);
  }

  /**
   * Have the stream, and pass its events on, until this page is hidden or closed.
   * @param {AbortSignal} signal
   * @param {(message: {state?: StreamState, changes?: Changes}) => void} tell
   * @returns {Promise<void>}
   */
  async lead(signal, tell) {
    const take = (/** @type {Changes} */ changes) => {
      tell({ changes });
      this.take(changes);
    };
    const set = (/** @type {StreamState} */ state) => {
      tell({ state });
      this.set(state);
    };
    while (!signal.aborted) {
      await this.listen(signal, take, set);
      await this.poll(signal, take, set, Date.now() + TRY_AGAIN_MS);
    }
  }

  /**
   * Listen to events. The result comes when the stream does not work.
   * @param {AbortSignal} signal
   * @param {(changes: Changes) => void} take
   * @param {(state: StreamState) => void} set
   * @returns {Promise<void>}
   */
  listen(signal, take, set) {
    return new Promise((resolve) => {
      const source = new EventSource(address("/changes", { ...this.scope, since: this.cursor }));
      const end = () => {
        clearTimeout(timer);
        source.close();
        resolve();
      };
      const timer = setTimeout(end, FIRST_EVENT_MS);
      signal.addEventListener("abort", end);
      source.onmessage = ({ data }) => {
        clearTimeout(timer);
        if (signal.aborted) return;
        const changes = JSON.parse(data);
        const state = changes.late ? "late" : "live";
        if (this.state !== state) set(state);
        take(changes);
      };
      source.onerror = () => {
        clearTimeout(timer);
        if (signal.aborted) return;
        if (source.readyState === EventSource.CLOSED) end();
        else set("connecting"); // the browser tries again by itself, with the last cursor
      };
    });
  }

  /**
   * Ask every two seconds.
   * @param {AbortSignal} signal
   * @param {(changes: Changes) => void} take
   * @param {(state: StreamState) => void} set
   * @param {number} until
   */
  async poll(signal, take, set, until) {
    while (!signal.aborted && Date.now() < until) {
      try {
        const changes = await this.read(signal);
        if (signal.aborted) return;
        if (this.state !== "polling") set("polling");
        take(changes);
      } catch (error) {
        if (signal.aborted) return;
        set(/** @type {any} */ (error).status === 401 ? "off" : "connecting");
      }
      await wait(POLL_MS, signal);
    }
  }
}
