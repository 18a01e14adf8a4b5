/** The compare page: some runs side by side, or all runs of an experiment as lines and points. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { getExperiment } from "../data/api.js";
import { openStream } from "../data/live.js";
import { plural } from "../lib/format.js";
import { rowsOf } from "../lib/compare.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Empty, Problem } from "../parts/problem.js";
import { CompareTable } from "./compare_table.js";
import { getRuns } from "./compare_data.js";
import { RunBar } from "./compare_runs.js";
import { EverySweep, RunsSweep } from "./compare_axis_data.js";
import { Charts } from "./compare_charts.js";
import { Environments } from "./compare_environment.js";
import { Logs } from "./compare_logs.js";
import { Pictures } from "./compare_pictures.js";
import { SourceDifference } from "./compare_source.js";
import { ExperimentTabs } from "./experiment_tabs.js";

const PARTS = [
  ["params", "Params and metrics"],
  ["charts", "Charts"],
  ["parallel", "Parallel"],
  ["scatter", "Scatter"],
  ["pictures", "Images and matrices"],
  ["source", "Source"],
  ["environment", "Environment"],
  ["logs", "Logs"],
];
const OF_RUNS = new Set(["params", "charts", "pictures", "source", "environment", "logs"]);

/** @param {import("../shell.js").PageProps} props */
export default function Compare({ route, state, shell }) {
  const runs = useSignal(/** @type {Awaited<ReturnType<typeof getRuns>> | null} */ (null));
  const experiment = useSignal(/** @type {{ id: string, name: string, runs: number } | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const moved = useSignal({ runs: /** @type {Set<string>} */ (new Set()) });
  const { runs: ids, base, other } = state.value;

  useEffect(() => {
    let isOld = false;
    const load = async () => {
      try {
        const [found, about] = await Promise.all([getRuns(ids, runs.peek() ?? []), route.id ? getExperiment(route.id) : null]);
        if (!isOld) [runs.value, experiment.value, error.value] = [found, about, null];
      } catch (problem) {
        if (!isOld) error.value = problem;
      }
    };
    load();
    return () => {
      isOld = true;
    };
  }, [ids.join(), route.id]);

  useEffect(() => {
    const crumbs = experiment.value ? [{ text: experiment.value.name, href: shell.href({ page: "experiment", id: route.id }) }] : [];
    shell.header.value = { title: ids.length ? `Compare ${plural(ids.length, "run")}` : "Compare all runs", crumbs };
  }, [experiment.value, ids.length]);

  useEffect(() => {
    if (!ids.length) return undefined;
    const onChange = async (/** @type {import("../data/live.js").Changes} */ changes) => {
      const changed = ids.filter((id) => !changes.complete || changes.runs.includes(id));
      if (!changed.length) return;
      const known = (runs.peek() ?? []).filter((run) => !changed.includes(run.id));
      const found = await getRuns(ids, known).catch(() => null);
      if (found) [runs.value, moved.value] = [found, { runs: new Set(changed) }];
    };
    const stream = openStream({ run: ids, onChange, onState: (now) => (shell.live.value = now) });
    return () => stream.close();
  }, [ids.join()]);

  const onlyDiffering = other.differ !== "0";
  const isTurned = other.turn === "1";
  /** @param {string} key @param {string} value */
  const set = (key, value) => shell.change({ other: { ...state.value.other, [key]: value } });
  const shownParts = PARTS.filter(([id]) => (ids.length ? true : !OF_RUNS.has(id)));
  const keys = Object.fromEntries(shownParts.map(([id, label], at) => [String(at + 1), /** @type {[string, () => void]} */ ([label, () => show(id)])]));
  useKeys(
    {
      ...keys,
      D: ["Only what differs", () => set("differ", onlyDiffering ? "0" : "")],
      T: ["Runs as rows", () => set("turn", isTurned ? "" : "1")],
    },
    "Compare",
  );

  if (error.value && !runs.value) return html`<${Problem} error=${error.value} />`;
  if (!route.id && !ids.length) return html`<${Empty} title="No runs to compare">Select runs in an experiment, then press c.<//>`;
  const found = runs.value;
  return html`${route.id ? html`<${ExperimentTabs} id=${route.id} runs=${experiment.value?.runs ?? null} current="compare" shell=${shell} />` : null}<div class="compare">
    ${ids.length && found ? html`<${RunBar} runs=${found} base=${base} experiment=${route.id} shell=${shell} />` : null}
    <nav class="compare-nav" aria-label="Parts of the comparison">
      ${shownParts.map(([id, label]) => html`<a href=${`#${id}`} onClick=${(/** @type {Event} */ event) => (event.preventDefault(), show(id))}>${label}</a>`)}
    </nav>
    ${ids.length && found?.length
      ? html`<section class="compare-part" id="params" aria-label="Params and metrics">
          <header class="part-head">
            <h2>Params and metrics</h2>
            <span class="grow"></span>
            <label class="check"><input type="checkbox" checked=${onlyDiffering} onChange=${() => set("differ", onlyDiffering ? "0" : "")} />Only differing</label>
            <button class="button small" aria-pressed=${isTurned} onClick=${() => set("turn", isTurned ? "" : "1")}><${Icon} name="turn" />Runs as rows</button>
          </header>
          <${CompareTable} runs=${found} rows=${rowsOf(found)} ...${{ base, onlyDiffering, isTurned, shell }} />
        </section>
        <${Charts} runs=${found} moved=${moved.value} state=${state} shell=${shell} />`
      : null}
    ${ids.length ? found && html`<${RunsSweep} runs=${found} state=${state} shell=${shell} />` : html`<${EverySweep} experiment=${route.id} state=${state} shell=${shell} />`}
    ${ids.length && found?.length
      ? html`<${Pictures} runs=${found} base=${base} state=${state} shell=${shell} />
          <${SourceDifference} runs=${found} base=${base} shell=${shell} />
          <${Environments} runs=${found} base=${base} shell=${shell} />
          <${Logs} runs=${found} base=${base} moved=${moved.value} shell=${shell} />`
      : null}
  </div>`;
}

/** Go to a part of the page. @param {string} id */
function show(id) {
  const part = document.getElementById(id);
  part?.scrollIntoView({ block: "start" });
  /** @type {HTMLElement | null | undefined} */ (part?.querySelector("button, input, select, [tabindex='0']"))?.focus({ preventScroll: true });
}
