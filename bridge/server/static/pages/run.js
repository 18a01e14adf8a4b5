/** The page of one run: its header, its tabs, and the tab that is open. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { count, duration } from "../lib/format.js";
import { isSystem } from "../lib/kinds.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Problem, sentence } from "../parts/problem.js";
import { Status } from "../parts/status.js";
import { toast } from "../parts/toast.js";
import { progressOf } from "./home_running.js";
import { isOpen, useRun } from "./run_data.js";
import { Children } from "./run_children.js";
import { Details } from "./run_details.js";
import { Files } from "./run_files.js";
import { Images } from "./run_images.js";
import { Logs } from "./run_logs.js";
import { Metrics } from "./run_metrics.js";
import { Overview } from "./run_overview.js";
import { Source } from "./run_source.js";
import { System } from "./run_system.js";

/** @typedef {import("../shell.js").PageProps} PageProps */

/** The greatest number of parents in the header. */
const CRUMBS = 3;

/** The tabs: address, name, content. */
const TABS = /** @type {[string, string, (props: any) => any][]} */ ([
  ["", "Overview", Overview],
  ["metrics", "Metrics", Metrics],
  ["images", "Images", Images],
  ["logs", "Logs", Logs],
  ["files", "Files", Files],
  ["source", "Source", Source],
  ["children", "Children", Children],
  ["details", "Details", Details],
  ["system", "System", System],
]);

/** The present time, which is another one each second while a run is open. @param {boolean} ticking */
function useNow(ticking) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    if (!ticking) return undefined;
    const timer = setInterval(() => document.visibilityState === "visible" && setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

/** @param {PageProps} props */
export default function Page({ route, state, shell }) {
  const data = useRun(route.id, shell);
  const run = data.run.value;
  const [editing, setEditing] = useState("");
  const href = (/** @type {string} */ tab) => shell.href({ page: "run", id: route.id, tab });
  useKeys(
    Object.fromEntries([
      ...TABS.map(([tab, name], at) => [String(at + 1), [`Tab ${name}`, () => shell.go(href(tab))]]),
      ...(shell.role === "reader"
        ? []
        : [
            ["e", ["Edit the note", () => (shell.go(href("")), setEditing("note"))]],
            ["r", ["Rename the run", () => setEditing("name")]],
          ]),
    ]),
    "Run",
  );
  useLayoutEffect(() => {
    shell.header.value = headerOf({ run, id: route.id, shell, editing, setEditing, data });
  }, [run, editing, route.id]);

  if (data.error.value) return html`<${Problem} error=${data.error.value} retry=${() => data.load()} />`;
  const counts = countsOf(run, data.metrics.value);
  const [tab, , Tab] = TABS.find(([name]) => name === route.tab) ?? TABS[0];
  return html`<div class="run-page">
    <nav class="tabs" aria-label="Run">
      ${TABS.filter(([name]) => name !== "system" || counts.system || tab === "system").map(
        ([name, text]) =>
          html`<a
            key=${name}
            href=${href(name)}
            class=${counts[name] === 0 ? "nothing" : ""}
            aria-current=${name === tab ? "page" : undefined}
          >
            ${text}${counts[name] ? html`<span class="count">${count(counts[name])}</span>` : ""}
            ${name === "logs" && isOpen(run) ? html`<i class="run-live" aria-hidden="true"></i>` : ""}
          </a>`,
      )}
    </nav>
    <div class=${`run-tab run-tab-${tab || "overview"}`}>
      ${
        run &&
        html`<${Tab}
          key=${route.id}
          data=${data}
          run=${run}
          metrics=${data.metrics.value}
          state=${state}
          shell=${shell}
          route=${route}
          editing=${editing === "note"}
          onEditing=${(/** @type {boolean} */ now) => setEditing(now ? "note" : "")}
        />`
      }
    </div>
  </div>`;
}

/**
 * How much each tab contains, where the page knows it.
 * @param {any} run
 * @param {import("../lib/kinds.js").Metric[] | null} metrics
 * @returns {Record<string, number>}
 */
function countsOf(run, metrics) {
  if (!run || !metrics) return {};
  return {
    metrics: metrics.filter((metric) => !isSystem(metric) && metric.kinds.some((kind) => kind !== "image")).length,
    images: metrics.filter((metric) => metric.kinds.includes("image")).length,
    ...(run.snapshot ? {} : { source: 0 }),
    children: run.children,
    system: metrics.filter(isSystem).length,
  };
}

/** @param {{ run: any, id: string, shell: import("../shell.js").Shell, editing: string, setEditing: (what: string) => void, data: import("./run_data.js").RunData }} props */
function headerOf({ run, id, shell, editing, setEditing, data }) {
  if (!run) return { title: id.slice(0, 8) };
  const name = run.name || run.id.slice(0, 8);
  const crumbs = [
    { text: run.experiment.name, href: shell.href({ page: "experiment", id: run.experiment.id }) },
    ...run.parents.slice(-CRUMBS).map((/** @type {{ id: string, name: string }} */ parent) => ({
      text: parent.name || parent.id.slice(0, 8),
      href: shell.href({ page: "run", id: parent.id }),
    })),
  ];
  const save = async (/** @type {string} */ text) => {
    setEditing("");
    if (!text.trim() || text === run.name) return;
    try {
      await api.updateRuns([run.id], { name: text });
      await data.load();
    } catch (error) {
      toast(sentence(error), { kind: "problem" });
    }
  };
  const beside = html`${shell.role !== "reader" && editing !== "name" && html`<button class="button quiet small icon" aria-label="Rename" title="Rename (r)" onClick=${() => setEditing("name")}><${Icon} name="edit" /></button>`}
    <${RunStatus} run=${run} />
    ${run.stage === "deleted" && html`<span class="badge">archived</span>`}`;
  const actions = html`<a
      class="button quiet small"
      href=${shell.href({ page: "experiment", id: run.experiment.id }, { show: { kind: "ids", ids: [run.id] } })}
      >In experiment</a
    >
    <a class="button quiet small" href=${shell.href({ page: "compare" }, { runs: [run.id] })}>Compare</a>`;
  return {
    title: name,
    heading: editing === "name" ? html`<${NameField} name=${name} onDone=${save} />` : undefined,
    crumbs,
    beside,
    actions,
  };
}

/** The status with its duration, which runs on while the run is open. @param {{ run: any }} props */
function RunStatus({ run }) {
  const now = useNow(isOpen(run));
  const end = run.end_time ?? (isOpen(run) ? now : null);
  const lasted = run.start_time !== null && end !== null ? duration(end - run.start_time) : "";
  const share = isOpen(run) ? progressOf({ ...run, tags: Object.fromEntries(run.tags) }) : NaN;
  const left = share > 0 && run.start_time !== null ? ((now - run.start_time) / share) * (1 - share) : NaN;
  const progress = Number.isNaN(share) ? "" : `${Math.round(share * 100)} %, `;
  return html`<${Status} status=${run.status} />
    <span class="soft">${progress}${lasted}${left > 0 ? `, ends in about ${duration(left)}` : ""}</span>`;
}

/** A field that keeps what was typed when the page is drawn again. @param {{ name: string, onDone: (name: string) => void }} props */
function NameField({ name, onDone }) {
  return html`<input
    class="field name-field"
    aria-label="Name of the run"
    defaultValue=${name}
    spellcheck=${false}
    ref=${(/** @type {HTMLInputElement | null} */ field) => field && document.activeElement !== field && (field.focus(), field.select())}
    onBlur=${(/** @type {Event} */ event) => onDone(/** @type {HTMLInputElement} */ (event.target).value)}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Enter") /** @type {HTMLInputElement} */ (event.target).blur();
      if (event.key === "Escape") (event.stopPropagation(), onDone(name));
    }}
  />`;
}
