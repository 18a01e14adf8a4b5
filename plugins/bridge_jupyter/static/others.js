/** The charts of a run that are not lines, with the parts of the portal page. */

import { html } from "htm/preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { number, plural } from "runbridge/lib/format.js";
import { decoded } from "runbridge/lib/kinds.js";
import { Bands } from "runbridge/parts/bands.js";
import { AccuracyCurves, Predictions, Residuals } from "runbridge/parts/curves.js";
import { Heat } from "runbridge/parts/heat.js";
import { ValueTable } from "runbridge/parts/value_tables.js";
import { watchSeen } from "./seen.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").OtherChart} OtherChart */
/** @typedef {import("./types").OtherValue} OtherValue */

/** The name by which the kernel knows a chart. @param {OtherChart} chart */
export const idOf = ([key, kind]) => `${kind} ${key}`;

/** @param {{ connection: Connection, see: (name: string, seen: boolean) => void }} props */
export function OtherCharts({ connection, see }) {
  const values = connection.values.value;
  return (connection.contents.value?.others ?? []).map(
    (chart) => html`<${Other} key=${idOf(chart)} chart=${chart} value=${values.get(idOf(chart))} see=${see} />`,
  );
}

/** @param {{ chart: OtherChart, value: OtherValue | undefined, see: (name: string, seen: boolean) => void }} props */
function Other({ chart, value, see }) {
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  const [key, kind, points] = chart;
  useEffect(() => watchSeen(/** @type {HTMLElement} */ (card.current), idOf(chart), see), [key, kind]);
  const about = kind === "table" ? plural(points, "row") : kind === "bands" ? plural(points, "value") : value?.step !== undefined ? `step ${number(value.step)}` : "";
  return html`<figure class="card other" ref=${card} data-key=${key} data-kind=${kind} aria-label=${key}>
    <figcaption class="row">
      <span class="cut grow strong" title=${key}>${key}</span>
      <span class="value">${about}</span>
    </figcaption>
    <div class="other-body">${value && html`<${Body} label=${key} kind=${kind} value=${value} />`}</div>
  </figure>`;
}

/** @param {{ label: string, kind: string, value: OtherValue }} props */
function Body({ label, kind, value }) {
  const [form, setForm] = useState(kind === "confusion_matrix" ? "counts" : "roc");
  const columns = useMemo(
    () => Object.fromEntries(Object.entries(value.columns ?? {}).map(([name, cells]) => [name, decoded(cells)])),
    [value],
  );
  if (value.problem) return html`<p class="soft">${value.problem}</p>`;
  const { data } = value;
  if (kind === "table")
    return html`<${ValueTable} label=${label} columns=${columns} steps=${value.steps} total=${value.total} height=${160} />`;
  if (kind === "bands") return html`<${Bands} label=${label} x=${value.steps} words=${value.words} />`;
  if (kind === "image") return html`<img src=${value.url} alt=${`${label}, step ${value.step}`} />`;
  if (kind === "confusion_matrix")
    return html`<${Heat} label=${label} classes=${data.class_labels ?? []} matrix=${data.matrix ?? []} mode=${form} onMode=${setForm} />`;
  if (kind === "accuracy_table")
    return html`<${AccuracyCurves} label=${label} data=${data} kind=${form} onKind=${setForm} />`;
  return kind === "residuals"
    ? html`<${Residuals} label=${label} data=${data} />`
    : html`<${Predictions} label=${label} data=${data} />`;
}
