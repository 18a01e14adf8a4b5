/** The ends of the logs of two of the compared runs, side by side. */

import { signal, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo } from "preact/hooks";
import { RunLink } from "./compare_runs.js";
import { RunChoice } from "./compare_source.js";
import { LogOf } from "./run_logs.js";

/** @typedef {import("./compare_data.js").Run} Run */

/** @param {{ runs: Run[], base: string, moved: { runs: Set<string> }, shell: import("../shell.js").Shell }} props `moved` are the runs that changed last. */
export function Logs({ runs, base, moved, shell }) {
  const leftId = useSignal("");
  const rightId = useSignal("");
  const of = (/** @type {string} */ id) => runs.find((run) => run.id === id);
  const left = of(leftId.value) ?? of(base) ?? runs[0];
  const right = runs.find((run) => run.id === rightId.value && run !== left) ?? runs.find((run) => run !== left);
  if (!left || !right) return null;
  return html`<section class="compare-part" id="logs" aria-label="Logs">
    <header class="part-head">
      <h2>Logs</h2>
      <span class="grow"></span>
      <${RunChoice} label="Left" runs=${runs} value=${left.id} onChange=${(/** @type {string} */ id) => (leftId.value = id)} />
      <${RunChoice} label="Right" runs=${runs.filter((run) => run !== left)} value=${right.id} onChange=${(/** @type {string} */ id) => (rightId.value = id)} />
    </header>
    <div class="compare-logs">
      ${[left, right].map((run) => html`<${OneRun} key=${run.id} run=${run} moved=${moved} shell=${shell} />`)}
    </div>
  </section>`;
}

/** @param {{ run: Run, moved: { runs: Set<string> }, shell: import("../shell.js").Shell }} props */
function OneRun({ run, moved, shell }) {
  const files = useMemo(() => signal(0), [run.id]);
  useEffect(() => {
    if (moved.runs.has(run.id)) files.value++;
  }, [moved]);
  return html`<figure aria-label=${`Log of ${run.name}`}>
    <figcaption><${RunLink} run=${run} shell=${shell} /></figcaption>
    <${LogOf} run=${run} data=${{ files }} shell=${shell} short=${true} none="This run has no log." />
  </figure>`;
}
