/** The tab Metrics: one chart for each logged key, in sections. */

import { html } from "htm/preact";
import { useSignal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";
import { count } from "../lib/format.js";
import { chartKinds, isSystem, sections } from "../lib/kinds.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Empty } from "../parts/problem.js";
import { seriesReader } from "./run_data.js";
import { Beside, useBeside } from "./run_beside.js";
import { MetricCards } from "./run_card.js";
import { LineTools, toggleLog, toggleOutliers } from "./run_line.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */
/** @typedef {{ run: any, data: import("./run_data.js").RunData, metrics: Metric[] | null, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell }} Props */

/** The number of charts that a section shows at first, and of charts that are open in all. */
const SECTION = 60;
const OPEN = 200;

/** The number of buckets of a line: about the pixels of a large chart. */
const BUCKETS = 800;

/** @param {Props} props */
export function Metrics({ run, data, metrics, state, shell }) {
  if (!metrics) return null;
  const own = metrics.filter((metric) => !isSystem(metric));
  if (!own.length) {
    return html`<${Empty}
      title="No metrics"
      code=${'run.log("loss", 0.3)\nrun.log_row("cosine", angle=0.5, cos=0.88)\nrun.log_table("sine", {"angle": [0, 1], "sine": [0, 0.84]})'}
      >Each logged key gets its chart here, without any settings.<//
    >`;
  }
  return html`<${Charts} run=${run} data=${data} metrics=${own} state=${state} shell=${shell} />`;
}

/** The charts of metrics with their tools. @param {Props & { metrics: Metric[], by?: (key: string) => string }} props `by` is the section of a key. */
export function Charts({ run, data, metrics, state, shell, by }) {
  const [text, setText] = useState("");
  const [turned, setTurned] = useState(/** @type {Map<string, boolean>} */ (new Map()));
  const hover = useSignal({
    chart: "",
    run: /** @type {string | null} */ (null),
    x: /** @type {number | null} */ (null),
  });
  const { x, range, other } = state.value;
  const others = useBeside(run, state.value.runs);
  const runs = [run.id, ...others.map((one) => one.id)];
  const [low, high] = range ?? [undefined, undefined];
  const read = useMemo(() => seriesReader(runs, BUCKETS, x, low, high), [runs.join(), x, low, high]);
  const onLarge = (/** @type {string} */ chart) => shell.change({ other: { ...other, chart } });
  const field = useMemo(() => ({ current: /** @type {HTMLInputElement | null} */ (null) }), []);
  useKeys(
    {
      "/": ["Find a chart", () => field.current?.focus()],
      l: ["Logarithmic y", () => toggleLog(state, shell)],
      o: ["Hide outliers", () => toggleOutliers(state, shell)],
    },
    "Charts",
  );
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = metrics.filter((metric) => words.every((word) => metric.key.toLowerCase().includes(word)));
  const groups = sections(shown, by);
  let budget = OPEN;
  return html`<div class="metrics">
    <div class="metrics-bar">
      <${LineTools}
        state=${state}
        shell=${shell}
        metrics=${data.metrics.value ?? metrics}
        hasLines=${shown.some((metric) => metric.series.some((one) => one.type === "number" && one.points > 1))}
      />
      <${Beside} run=${run} others=${others} state=${state} shell=${shell} />
      <span class="space"></span>
      <input
        class="field metrics-find"
        type="search"
        placeholder="Find chart"
        aria-label="Find chart"
        value=${text}
        ref=${field}
        onInput=${(/** @type {Event} */ event) => setText(/** @type {HTMLInputElement} */ (event.target).value)}
      />
    </div>
    ${groups.map(({ name, metrics: own }) => {
      const open = turned.get(name) ?? budget > 0;
      budget -= own.length;
      const content =
        open &&
        html`<${Section}
          metrics=${own}
          run=${run}
          data=${data}
          state=${state}
          shell=${shell}
          read=${read}
          hover=${hover}
          others=${others}
          large=${other.chart ?? ""}
          onLarge=${onLarge}
        />`;
      if (groups.length === 1 && !name)
        return html`<h2 class="visually-hidden">Metrics</h2>
          ${content}`;
      return html`<section key=${name} class="metrics-section" aria-label=${name || "Without a prefix"}>
        <h2>
          <button
            class="metrics-turn"
            aria-expanded=${open}
            onClick=${() => setTurned(new Map([...turned, [name, !open]]))}
          >
            <${Icon} name=${open ? "down" : "right"} />${name || "metrics"}
            <span class="count">${count(own.length)}</span>
          </button>
        </h2>
        ${content}
      </section>`;
    })}
    ${!shown.length && html`<p class="soft metrics-none">No metric has “${text}” in its name.</p>`}
  </div>`;
}

/** @param {any} props */
function Section({ metrics, ...rest }) {
  const [most, setMost] = useState(SECTION);
  const single = metrics.filter((/** @type {Metric} */ metric) =>
    chartKinds(metric).every((kind) => kind === "value" || kind === "word"),
  );
  const charts = metrics.filter((/** @type {Metric} */ metric) => !single.includes(metric));
  return html`${single.length > 0 && html`<div class="metric-values">${single.slice(0, most).map((/** @type {Metric} */ metric) => html`<${MetricCards} key=${metric.key} metric=${metric} ...${rest} />`)}</div>`}
    <div class="metric-grid">
      ${charts.slice(0, most).map((/** @type {Metric} */ metric) => html`<${MetricCards} key=${metric.key} metric=${metric} ...${rest} />`)}
      ${metrics.length > most && html`<button class="button" onClick=${() => setMost(most + SECTION)}>Show more of ${count(metrics.length)} charts</button>`}
    </div>`;
}
