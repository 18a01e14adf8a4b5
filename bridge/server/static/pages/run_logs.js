/** The tab Logs: the logs of a run, the chosen one live. */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { bytes } from "../lib/format.js";
import { LogView } from "../parts/log.js";
import { Empty, Problem } from "../parts/problem.js";
import { isOpen } from "./run_data.js";

/** @typedef {{ run: any, data: Pick<import("./run_data.js").RunData, "files">, shell: import("../shell.js").Shell, state?: import("@preact/signals").Signal<any>, short?: boolean, none?: string }} Props */

/** The name of the chosen log in the address, and the line that `#L1200` names. */
const CHOSEN = "log";

/** @param {Props} props */
export const Logs = (props) => html`<${LogOf} ...${props} />`;

/**
 * The list of logs as a choice, and the chosen log.
 * @param {Props} props `short` is true below other things. Then a run without logs has only the text `none`.
 */
export function LogOf({ run, data, shell, state, short = false, none = "" }) {
  const [logs, setLogs] = useState(/** @type {import("../data/files.js").FileEntry[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [line, setLine] = useState(short ? null : lineOf(location.hash));
  const [wrap, setWrap] = useState(localStorage.getItem("runbridge.wrap") === "1");
  const live = isOpen(run);
  const tick = data.files.value;
  const load = () => api.listLogs(run.id).then((found) => (setLogs(found), setProblem(null)), setProblem);
  useEffect(() => {
    load();
    if (!live || logs?.length) return undefined;
    const timer = setInterval(load, 1000);
    return () => clearInterval(timer);
  }, [run.id, tick, live, !logs?.length]);
  useEffect(() => {
    if (short) return undefined;
    const changed = () => setLine(lineOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);

  if (problem && !short) return html`<${Problem} error=${problem} retry=${load} />`;
  if (!logs) return null;
  if (short && !logs.length) return none && html`<p class="soft">${none}</p>`;
  if (!logs.length) {
    return html`<${Empty} title="No logs" code=${'run = experiment.submit(ScriptRunConfig("scripts", "train.py"))'}
      >What a submitted script prints is shown here while it runs.<//
    >`;
  }
  const wanted = short ? "" : (state?.value.other[CHOSEN] ?? "");
  const chosen =
    logs.find((log) => log.path === wanted) ??
    logs.find((log) => /std_log/.test(log.path) && log.size) ??
    logs.find((log) => log.size) ??
    logs[0];
  const choose = (/** @type {string} */ path) => {
    setLine(null);
    shell.change({ other: { ...state?.value.other, [CHOSEN]: path } });
  };
  const onLine = (/** @type {number | null} */ next) => {
    if (short) return;
    setLine(next);
    history.replaceState(null, "", location.pathname + location.search + (next === null ? "" : `#L${next}`));
  };
  return html`<div class=${short ? "logs short" : "logs"}>
    ${
      (short || logs.length > 1) &&
      html`<div class="logs-head">
        ${short ? html`<h2>Log</h2>` : ""}
        ${!short && logs.map((log) => html`<button key=${log.path} class="button small" aria-pressed=${log === chosen} onClick=${() => choose(log.path)}>${log.path} <span class="soft">${bytes(log.size ?? 0)}</span></button>`)}
        ${short ? html`<span class="soft">${chosen.path}</span><span class="space"></span><a href=${shell.href({ page: "run", id: run.id, tab: "logs" })}>Open</a>` : ""}
      </div>`
    }
    <${OneLog}
      key=${chosen.path}
      run=${run}
      path=${chosen.path}
      live=${live}
      tick=${tick}
      line=${line}
      onLine=${onLine}
      short=${short}
      wrap=${wrap}
      onWrap=${(/** @type {boolean} */ on) => (setWrap(on), localStorage.setItem("runbridge.wrap", on ? "1" : ""))}
    />
  </div>`;
}

/** @param {{ run: any, path: string, live: boolean, tick: number, line: number | null, onLine: (line: number | null) => void, short: boolean, wrap: boolean, onWrap: (wrap: boolean) => void }} props */
function OneLog({ run, path, live, tick, line, onLine, short, wrap, onWrap }) {
  const source = useMemo(() => sourceOf(run.id, path), [run.id, path]);
  return html`<${LogView}
    source=${source}
    label=${path}
    live=${live}
    changed=${tick}
    line=${line}
    onLine=${onLine}
    href=${api.fileUrl(run.id, path, { download: true })}
    wrap=${wrap}
    onWrap=${onWrap}
    bare=${short}
  />`;
}

/** The reads of a log. @param {string} run @param {string} path @returns {import("../parts/log_window.js").LogSource} */
function sourceOf(run, path) {
  return {
    read: (from, to) => api.getLog(run, path, { from, to }),
    tail: (length) => api.getLog(run, path, { tail: length }),
    lineOf: async (place) => (await api.getLog(run, path, { from: place, to: place, numbered: true })).line,
    placeOf: async (line) => (await api.getLog(run, path, { line })).from,
    find: (text, from) => api.searchLog(run, path, { text, from }),
  };
}

/** The line of `#L1200`; null if the address names none. @param {string} hash */
const lineOf = (hash) => {
  const found = /^#L(\d{1,15})$/.exec(hash);
  return found ? Math.max(1, Number(found[1])) : null;
};
