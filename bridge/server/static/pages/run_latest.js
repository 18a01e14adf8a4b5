/** The card of the latest metrics: value, extremes and course of each. */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { count, number } from "../lib/format.js";
import { isSystem } from "../lib/kinds.js";
import { Line } from "../parts/spark.js";
import { seriesReader } from "./run_data.js";

/** The greatest number of metrics in the card. */
const MOST = 12;

/** @param {{ run: any, data: import("./run_data.js").RunData, metrics: import("../lib/kinds.js").Metric[] | null, shell: import("../shell.js").Shell }} props */
export function Latest({ run, data, metrics, shell }) {
  const read = useMemo(() => seriesReader([run.id], 64), [run.id]);
  const numbers = (metrics ?? [])
    .filter((metric) => !isSystem(metric))
    .flatMap((metric) =>
      metric.series
        .filter((one) => one.type === "number" && one.kind === "scalar")
        .map((one) => ({ key: metric.key, about: metric.description ?? "", ...one })),
    );
  const texts = run.latest_texts.filter(
    (/** @type {[string, string | boolean | null]} */ [key]) =>
      !(metrics ?? []).some((metric) => metric.key === key && metric.kinds.some((kind) => kind !== "scalar")),
  );
  const shown = numbers.slice(0, MOST);
  const rest = numbers.length - shown.length;
  return html`<section class="card overview-metrics" aria-label="Latest metrics">
    <header>
      <h2>Latest metrics</h2>
      <span class="count">${numbers.length + texts.length ? count(numbers.length + texts.length) : ""}</span>
    </header>
    ${numbers.length + texts.length === 0 && metrics ? html`<p class="card-empty soft">No metrics. <code>run.log("loss", 0.3)</code> logs one.</p>` : ""}
    <table class="latest">
      <caption class="visually-hidden">
        Latest metrics with least and greatest values
      </caption>
      ${
        shown.length > 0 &&
        html`<thead>
          <tr>
            <th scope="col">metric</th>
            <th scope="col" class="number">latest</th>
            <th scope="col" class="number">min</th>
            <th scope="col" class="number">max</th>
            <th scope="col"><span class="visually-hidden">course</span></th>
          </tr>
        </thead>`
      }
      <tbody>
        ${shown.map(
          (one) =>
            html`<tr key=${one.key}>
              <th scope="row" title=${one.about || one.key}>
                <a href=${shell.href({ page: "run", id: run.id, tab: "metrics" })}>${one.key}</a>
              </th>
              <td class="number strong" title=${`step ${one.step}`}>${number(one.last)}</td>
              <td class="number soft">${one.points > 1 ? number(one.minimum ?? NaN) : ""}</td>
              <td class="number soft">${one.points > 1 ? number(one.maximum ?? NaN) : ""}</td>
              <td class="latest-spark">
                ${one.points > 1 && html`<${LiveSpark} read=${read} name=${one.key} tick=${data.series.value} />`}
              </td>
            </tr>`,
        )}
        ${texts.map(
          (/** @type {[string, string | boolean | null]} */ [key, value]) =>
            html`<tr key=${key}>
              <th scope="row" title=${key}>${key}</th>
              <td colspan="4" class="latest-text">
                ${value === null ? "None" : value === true ? "True" : value === false ? "False" : value}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${rest > 0 && html`<a class="card-more" href=${shell.href({ page: "run", id: run.id, tab: "metrics" })}>${count(rest)} more in Metrics</a>`}
  </section>`;
}

/** @param {{ read: import("./run_data.js").SeriesReader, name: string, tick: number }} props */
function LiveSpark({ read, name, tick }) {
  const [values, setValues] = useState(/** @type {ArrayLike<number>} */ ([]));
  useEffect(() => {
    let current = true;
    read(name).then(
      ([series]) => current && series && setValues((series.exact ? series.values : series.mean) ?? []),
      () => {},
    );
    return () => {
      current = false;
    };
  }, [name, tick]);
  return values.length > 1 && html`<${Line} values=${values} label=${`Course of ${name}`} width=${88} />`;
}
