/** Charts of the metrics of the compared runs. */

import { computed, signal, useComputed } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { runColour } from "../lib/colour.js";
import { plural } from "../lib/format.js";
import { Dialog } from "../parts/dialog.js";
import { ExperimentChart } from "./experiment_chart.js";
import { ChartSeries } from "./experiment_series.js";

/** @typedef {import("./compare_data.js").Run} Run */

const NO_GROUPS = computed(() => null);
const [HEIGHT, BUCKETS, AT_ONCE] = [190, 500, 24];

/** @param {{ runs: Run[], moved: { runs: Set<string> }, state: import("@preact/signals").ReadonlySignal<import("../lib/state.js").State>, shell: import("../shell.js").Shell }} props */
export function Charts({ runs, moved, state, shell }) {
  const series = useMemo(() => new ChartSeries(), []);
  const hover = useMemo(() => signal({ chart: "", run: "", x: null }), []);
  const [large, setLarge] = useState("");
  const [most, setMost] = useState(AT_ONCE);
  useEffect(() => () => series.close(), []);
  const ids = runs.map((run) => run.id);
  const shown = useComputed(() => state.value.runs);
  const { x, range, smooth, y, other } = state.value;
  const dark = shell.dark.value;
  const keys = useMemo(() => keysOf(runs), [runs]);

  const byId = new Map(runs.map((run) => [run.id, run]));
  /** @param {string} id */
  const look = (id) => {
    const run = byId.get(id);
    return { name: run?.name ?? id, ...runColour(run?.number ?? 0, dark) };
  };
  useEffect(() => {
    series.setView({ lines: ids, look, x, range, buckets: BUCKETS, groups: null, band: "none", start: (id) => byId.get(id)?.start_time ?? NaN });
  }, [ids.join(), x, range?.join(), dark]);
  useEffect(() => {
    if (moved.runs.size) series.extend(moved.runs);
  }, [moved]);

  /** @type {import("./experiment_chart.js").ChartContext} */
  const context = {
    series, state: state.value, theme: String(dark), model: { hover, shown, groups: NO_GROUPS, look },
    onZoom: (/** @type {number} */ low, /** @type {number} */ high) => high > low && shell.change({ range: [low, high] }),
    onReset: () => range && shell.change({ range: null }),
    onPick: (/** @type {string} */ run) => shell.go(shell.href({ page: "run", id: run })),
    onShowAll: () => shell.change({ other: { ...other, outliers: "" } }),
    onLarge: setLarge,
    onChange: (/** @type {string} */ _, /** @type {string} */ how) => how === "log" && shell.change({ y: y === "log" ? "linear" : "log" }),
    link: () => location.href, axesOf: () => null, onAxes: () => {}, isBig: () => false, isPinned: () => false, href: (/** @type {string} */ run) => shell.href({ page: "run", id: run }),
  }; // prettier-ignore
  const spec = (/** @type {string} */ key) => ({ key, kind: "scalar", type: /** @type {const} */ ("number"), about: "", runs: runs.length, words: [] });
  return html`<section class="compare-part" id="charts" aria-label="Charts">
    <header class="part-head">
      <h2>Charts</h2>
      <span class="grow"></span>
      ${range ? html`<button class="button small" onClick=${() => shell.change({ range: null })}>Whole range</button>` : null}
      <label class="choice"><span class="soft">x</span><select class="select small" value=${x} onChange=${(/** @type {any} */ event) => shell.change({ x: event.currentTarget.value, range: null })}>
        ${["step", "time", "relative"].map((name) => html`<option value=${name} selected=${x === name}>${name}</option>`)}</select></label>
      <label class="choice"><span class="soft">smooth</span><input type="range" min="0" max="0.99" step="0.01" value=${smooth}
        onInput=${(/** @type {any} */ event) => shell.change({ smooth: Number(event.currentTarget.value) }, "replace")} /></label>
      <label class="check"><input type="checkbox" checked=${y === "log"} onChange=${() => shell.change({ y: y === "log" ? "linear" : "log" })} />log y</label>
    </header>
    ${keys.length
      ? html`<div class="compare-charts">${keys.slice(0, most).map((key) => html`<${Lazy} key=${key} onVisible=${(/** @type {boolean} */ is) => series.setVisible(key, is)}>
          <${ExperimentChart} spec=${spec(key)} context=${context} height=${HEIGHT} /><//>`)}</div>`
      : html`<p class="soft">These runs logged no numbers.</p>`}
    ${keys.length > most ? html`<button class="button small" onClick=${() => setMost(most + AT_ONCE)}>Show more of ${plural(keys.length, "chart")}</button>` : null}
    ${large ? html`<${Dialog} label=${large} class="chart-large" onClose=${() => setLarge("")}><${ExperimentChart} spec=${spec(large)} context=${context} height=${Math.max(240, Math.round(innerHeight * 0.6))} large=${true} /><//>` : null}
  </section>`;
}

/** Return the keys of numbers that runs have: those of most runs first. @param {Run[]} runs */
function keysOf(runs) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const run of runs) for (const { key, column } of run.latest) if (!column) counts.set(key, (counts.get(key) ?? 0) + 1);
  return [...counts.keys()].sort((one, two) => (counts.get(two) ?? 0) - (counts.get(one) ?? 0) || (one < two ? -1 : 1));
}

/** A place that is filled when it comes near the screen. @param {{ onVisible: (is: boolean) => void, children: any }} props */
function Lazy({ onVisible, children }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [isNear, setIsNear] = useState(false);
  useEffect(() => {
    const watch = new IntersectionObserver(
      ([seen]) => {
        onVisible(seen.isIntersecting);
        if (seen.isIntersecting) setIsNear(true);
      },
      { rootMargin: "300px" },
    );
    watch.observe(/** @type {HTMLDivElement} */ (box.current));
    return () => {
      watch.disconnect();
      onVisible(false);
    };
  }, []);
  return html`<div ref=${box} class="compare-chart" style=${{ minHeight: `${HEIGHT + 66}px` }}>${isNear ? children : null}</div>`;
}
