/** Charts of keys that are no numbers: texts with their counts, and links to the runs that show the rest. */

import { html } from "htm/preact";
import { plural } from "../lib/format.js";
import { Chart } from "../parts/chart.js";
import { LastImages } from "./experiment_images.js";

/** @typedef {import("./experiment_layout.js").ChartSpec} ChartSpec */

const NAMES = /** @type {Record<string, string>} */ ({
  image: "Images", confusion_matrix: "Confusion matrix", accuracy_table: "Accuracy table", residuals: "Residuals",
  predictions: "Predictions", table: "Table", scalar: "Texts",
});
const LINKS = 12;

/** @param {{ spec: ChartSpec, context: import("./experiment_chart.js").ChartContext, height: number }} props */
export function OtherKind({ spec, context, height }) {
  const { model } = context;
  const kind = NAMES[spec.kind] || spec.kind;
  const menu = [{ label: "Keep at the top", checked: context.isPinned(spec.key), run: () => context.onChange(spec.key, "pin") }];
  const texts = spec.type === "text" && spec.kind === "scalar" && spec.words.length > 0;
  const tab = spec.kind === "image" ? "images" : "metrics";
  const runs = model.shown.value.slice(0, LINKS);
  return html`<${Chart} name=${spec.key} about=${spec.about || kind} height=${height} menu=${menu}
    summary=${`${spec.key}: ${kind} of ${plural(spec.runs, "run")}`}
    notes=${[{ text: `${kind} of ${plural(spec.runs, "run")}` }]}>
    ${texts ? words(spec) : spec.kind === "image" ? html`<${LastImages} name=${spec.key} runs=${model.shown.value} look=${(/** @type {string} */ id) => model.look(id)} href=${context.href} />` : html`<div class="kind-links" tabindex="0" role="group" aria-label=${`Runs with ${spec.key}`}>
      ${runs.map((id) => {
        const look = model.look(id);
        return html`<a key=${id} href=${`${context.href(id)}/${tab}`}><span class="tip-dot" style=${{ background: look.colour }}></span><span class="cut">${look.name}</span></a>`;
      })}
      ${model.shown.value.length > LINKS ? html`<span class="soft">${model.shown.value.length - LINKS} more in the table</span>` : null}
    </div>`}
  <//>`;
}

/** @param {ChartSpec} spec */
function words(spec) {
  const most = Math.max(...spec.words.map(([, count]) => count));
  return html`<div class="bars" role="list" tabindex="0" aria-label=${`${spec.key}, runs by text`}>
    ${spec.words.map(
      ([word, count]) => html`<div class="bar" role="listitem" key=${word} title=${word}>
        <span class="bar-name">${word || "(empty)"}</span>
        <span class="bar-track"><span class="bar-fill plain" style=${{ left: 0, width: `${(count / most) * 100}%` }}></span></span>
        <span class="bar-value">${count}</span>
      </div>`,
    )}
  </div>`;
}
