/** The home page: the experiments of the workspace, what is running now, and a search over everything. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { getHome, getSeries } from "../data/api.js";
import { openStream } from "../data/live.js";
import { plural } from "../lib/format.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Empty, Problem } from "../parts/problem.js";
import { ExperimentTable } from "./home_experiments.js";
import { Running, metricOf } from "./home_running.js";
import { Results } from "./home_search.js";

/** Return the lines of Python that log a first run. @param {string} address */
const firstRun = (address) => `import bridge

workspace = bridge.Workspace.open(${JSON.stringify(address)})
run = bridge.Experiment(workspace, "digits").start_logging()
run.log("loss", 0.25)
run.complete()`;

/** @param {import("../shell.js").PageProps} props */
export default function Home({ shell, state }) {
  const home = useSignal(/** @type {Awaited<ReturnType<typeof getHome>> | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const lines = useSignal(/** @type {Map<string, ArrayLike<number>>} */ (new Map()));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const text = state.value.q;

  const asked = useRef({ last: 0, shown: 0 });

  /** Read everything. Return the cursor of the answer. */
  const load = async () => {
    const number = (asked.current.last += 1);
    try {
      const found = await getHome();
      if (number < asked.current.shown) return found.cursor; // a newer answer has come before
      asked.current.shown = number;
      home.value = found;
      error.value = null;
      lines.value = await sparklines(found.running);
      return found.cursor;
    } catch (problem) {
      error.value = problem;
      return undefined;
    }
  };

  useEffect(() => {
    shell.header.value = { title: "Experiments", field: "" }; // the page has a search field of its own
    /** @type {{close: () => void} | null} */
    let stream = null;
    let isOver = false;
    load().then((since) => {
      if (!isOver) stream = openStream({ since, onChange: load, onState: (live) => (shell.live.value = live) });
    });
    return () => {
      isOver = true;
      stream?.close();
    };
  }, []);

  useKeys({ "/": ["Find runs, experiments, metrics", () => field.current?.focus()] }, "Experiments");

  if (error.value && !home.value) return html`<${Problem} error=${error.value} retry=${load} />`;
  const { experiments = [], running = [], time = 0 } = home.value ?? {};
  const shown = text.trim() ? experiments.filter((/** @type {import("./home_experiments.js").Experiment} */ one) => contains(one, text)) : experiments;
  return html`<div class="home">
    <label class="icon-field home-find">
      <${Icon} name="search" />
      <span class="visually-hidden">Find runs, experiments, metrics</span>
      <input ref=${field} type="search" value=${text} placeholder="Find runs, experiments, metrics" autocomplete="off" spellcheck=${false} aria-keyshortcuts="/"
        onInput=${(/** @type {any} */ event) => shell.change({ q: event.currentTarget.value }, "replace")} />
      <kbd aria-hidden="true">/</kbd>
    </label>
    ${text.trim() ? html`<${Results} text=${text.trim()} shell=${shell} />` : null}
    ${running.length && !text.trim() ? html`<${Running} runs=${running} experiments=${experiments} lines=${lines.value} now=${time} shell=${shell} />` : null}
    <section class="home-experiments" aria-label="All experiments" aria-busy=${!home.value}>
      <h2>Experiments ${home.value ? html`<span class="soft">${text.trim() ? plural(shown.length, "experiment") + " with this name" : experiments.length}</span>` : null}</h2>
      ${home.value && !experiments.length
        ? html`<${Empty} title="No experiments yet" code=${firstRun(shell.address)}>These lines create one.<//>`
        : html`<${ExperimentTable} experiments=${shown} now=${time} shell=${shell} />`}
    </section>
  </div>`;
}

/** @param {{ name: string, first_line: string }} experiment @param {string} text */
function contains({ name, first_line }, text) {
  const wanted = text.trim().toLowerCase();
  return name.toLowerCase().includes(wanted) || first_line.toLowerCase().includes(wanted);
}

/**
 * Return the means of the shown metric of each running run.
 *
 * @param {{ id: string, latest: { key: string }[] }[]} running
 */
async function sparklines(running) {
  /** @type {Map<string, string[]>} */
  const byKey = new Map();
  for (const run of running) {
    const metric = metricOf(run);
    if (metric) byKey.set(metric.key, [...(byKey.get(metric.key) ?? []), run.id]);
  }
  /** @type {Map<string, ArrayLike<number>>} */
  const lines = new Map();
  for (const [key, runs] of [...byKey].slice(0, 4)) {
    const { series } = await getSeries({ runs, keys: [key], buckets: 40 });
    for (const one of series) lines.set(one.run, one.mean ?? one.values ?? []);
  }
  return lines;
}
