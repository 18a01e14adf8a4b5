/** The large view of one chart, with a table of its runs. */

import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { count, exact, number } from "../lib/format.js";
import { Dialog } from "../parts/dialog.js";
import { ExperimentChart } from "./experiment_chart.js";
import { useContext } from "./experiment_charts.js";
import { parseLayout, sectionsOf } from "./experiment_layout.js";

/** @param {import("./experiment_charts.js").Parts & { name: string }} props */
export function LargeChart({ model, series, shell, actions, name }) {
  const context = useContext({ model, series, shell, actions });
  const sections = sectionsOf(model.keys.value || [], parseLayout(""));
  const spec = sections.flatMap((section) => section.charts).find((chart) => chart.key === name);
  useEffect(() => {
    series.setVisible(name, true);
    series.setSeen(name, true);
  }, [name]);
  if (!spec) return null;
  const { lines } = series.of(name).value;
  const height = Math.max(240, Math.round(innerHeight * 0.52));
  return html`<${Dialog} label=${name} class="chart-large" onClose=${() => actions.large("")}>
    <${ExperimentChart} spec=${spec} context=${context} height=${height} large=${true} />
    <div class="chart-table" tabindex="0" role="region" aria-label=${`Values of ${name}`}>
      <table class="table">
        <thead><tr><th scope="col">Run</th>${["last", "least", "greatest", "points"].map((title) => html`<th scope="col" class="number">${title}</th>`)}</tr></thead>
        <tbody>
          ${[...lines].sort((one, other) => one.latest - other.latest).slice(0, 200).map(
            (line) => html`<tr key=${line.id} onMouseEnter=${() => (model.hover.value = { chart: "", run: line.id, x: null })}>
              <th scope="row"><span class="row"><span class="tip-dot" style=${{ background: line.colour }}></span>${line.name}</span></th>
              ${[line.latest, line.min, line.max].map((value) => html`<td class="number" title=${exact(value)}>${number(value, 6)}</td>`)}
              <td class="number">${count(line.points)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  <//>`;
}
