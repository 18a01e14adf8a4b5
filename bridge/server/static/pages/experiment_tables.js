/** The chart of a table that runs log row by row: one column over another, as a line or as points. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { getSeries, getValues } from "../data/api.js";
import { chartOf } from "../parts/value_tables.js";

/** @typedef {import("./experiment_layout.js").ChartSpec} ChartSpec */
/** @typedef {import("./experiment_chart.js").ChartContext} ChartContext */
/** @typedef {{ x: string, y: string, as: "line" | "points" }} Axes `x` is a column, or empty for the step */

const FIRST_RUNS = 50;
const FIRST_ROWS = 1000;

/** What each table of a page shows by itself, so that a chart that comes back is there at once. @type {WeakMap<object, Map<string, Axes>>} */
const pages = new WeakMap();

/**
 * @param {{ spec: ChartSpec, context: ChartContext, height: number, large?: boolean, chart: any }} props
 *   `chart` draws the lines
 */
export function TableChart({ spec, context, height, large, chart: Drawn }) {
  const { series, model } = context;
  const { name, columns } = spec.table || { name: spec.key, columns: [] };
  const known = pages.get(series) || new Map();
  pages.set(series, known);
  const [first, setFirst] = useState(/** @type {Axes | null} */ (known.get(name) ?? null));
  const [range, setRange] = useState(/** @type {[number, number] | null} */ (null));
  const runs = model.shown.value;
  useEffect(() => {
    let current = true;
    if (!first && runs.length) {
      firstAxes(name, columns, runs).then((axes) => {
        if (!current || !axes) return;
        known.set(name, axes);
        setFirst(axes);
      }, (error) => console.warn("Cannot read the rows of a table.", error));
    }
    return () => {
      current = false;
    };
  }, [first, runs, name]);
  const chosen = context.axesOf(spec.key);
  const axes = first && chosen ? { x: chosen[0], y: chosen[1], as: chosen[0] === first.x || !chosen[0] ? (chosen[0] ? first.as : "line") : "points" } : first;
  const x = axes?.x ? `metric:${name}.${axes.x}` : "step";
  useEffect(() => {
    if (axes) series.setAxes(spec.key, { key: `${name}.${axes.y}`, x, range });
  }, [axes?.y, x, range?.join()]);
  if (!axes) return html`<section class="chart" data-chart=${spec.key} style=${{ height: `${height}px` }}></section>`;
  for (const line of series.of(spec.key).value.lines) line.dots = axes.as === "points" || line.points === 1;
  const choose = (/** @type {string} */ nextX, /** @type {string} */ nextY) => {
    setRange(null);
    context.onAxes(spec.key, nextX, nextY);
  };
  const menu = columns.length < 2 ? [] : [
    { title: "x" },
    ...["", ...columns].map((column) => ({ label: column || "step", checked: axes.x === column, run: () => choose(column, axes.y) })),
    { title: "y" },
    ...columns.map((column) => ({ label: column, checked: axes.y === column, run: () => choose(axes.x, column) })),
  ];
  const own = { x, range, onRange: setRange, menu, about: `${axes.y} over ${axes.x || "step"}` };
  return html`<${Drawn} spec=${spec} context=${context} height=${height} large=${large} own=${own} />`;
}

/**
 * Return the axes that the page of a run would choose: the first two columns of numbers, in the order in which a run
 * logged them. Null if none of the runs has rows.
 * @param {string} table
 * @param {string[]} columns
 * @param {string[]} runs
 * @returns {Promise<Axes | null>}
 */
async function firstAxes(table, columns, runs) {
  const keys = columns.map((column) => `${table}.${column}`);
  const { series } = await getSeries({ runs: runs.slice(0, FIRST_RUNS), keys, buckets: 1, x: "step" });
  if (!series.length) return null;
  const { table: rows } = await getValues(series[0].run, table, { limit: FIRST_ROWS });
  const numbers = Object.fromEntries(Object.entries(rows?.columns || {}).filter(([column]) => columns.includes(column)));
  const found = chartOf(numbers);
  // A single row has no chart on the page of a run, but here it is one point of several runs.
  const [one, two] = Object.keys(numbers);
  if (!found && !one) return null;
  return found ? { x: found.x, y: found.y, as: found.as } : { x: two ? one : "", y: two || one, as: "points" };
}
