/** How much each param of many runs says about a metric. */

import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { number, plural } from "../lib/format.js";
import { influences } from "../lib/influence.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */

/**
 * @param {object} props
 * @param {Axis[]} props.axes
 * @param {string} props.chosen the key of the metric, or empty
 * @param {(key: string) => void} props.onChoose
 */
export function InfluenceOfParams({ axes, chosen, onChoose }) {
  const metrics = axes.filter((axis) => axis.key.startsWith("metrics."));
  const metric = metrics.find((axis) => axis.key === chosen) ?? metrics[metrics.length - 1];
  const found = useMemo(() => (metric ? influences(axes.filter((axis) => axis.key.startsWith("params.")), metric) : []), [axes, metric]);
  if (!metric || !found.length) return null;
  return html`<section class="compare-part" id="influence" aria-label="Influence of params">
    <header class="part-head">
      <h2>Influence of params</h2>
      <span class="soft part-hint">How much of the variation of ${metric.label} each param explains alone</span>
      <span class="grow"></span>
      <label class="choice"><span class="soft">On</span>
        <select class="select small" aria-label="Metric of the influences" value=${metric.key} onChange=${(/** @type {any} */ event) => onChoose(event.currentTarget.value)}>
          ${metrics.map((axis) => html`<option key=${axis.key} value=${axis.key} selected=${axis.key === metric.key}>${axis.label}</option>`)}
        </select></label>
    </header>
    <div class="part-scroll" tabindex="0" role="region" aria-label="Table of influences">
      <table class="rows influences">
        <thead>
          <tr>
            <th scope="col">param</th>
            <th scope="col" class="number">explains</th>
            <th scope="col"><span class="visually-hidden">bar</span></th>
            <th scope="col" class="number" title="Spearman's rank correlation: from -1, always opposite, to 1, always together">correlation</th>
            <th scope="col" class="number">runs</th>
          </tr>
        </thead>
        <tbody>
          ${found.map(
            ({ axis, share, correlation, runs }) =>
              html`<tr key=${axis.key}>
                <th scope="row">${axis.label}</th>
                <td class="number">${Math.round(share * 100)} %</td>
                <td><div class="influence-bar" style=${{ width: `${Math.round(share * 240)}px` }}></div></td>
                <td class="number">${correlation === null ? html`<span class="soft" title="The param has no numbers">–</span>` : signed(correlation)}</td>
                <td class="number soft" title=${plural(runs, "run")}>${runs}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="soft part-note">A param that explains much need not be a cause: params that were changed together cannot be told apart.</p>
  </section>`;
}

/** @param {number} value */
const signed = (value) => `${value > 0 ? "+" : ""}${number(Number(value.toFixed(2)))}`;
