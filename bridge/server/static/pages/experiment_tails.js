/** What runs log while the charts are on the screen is added to their lines. */

import { getTail } from "../data/api.js";
import { addInRange } from "../parts/lines_data.js";

/**
 * Add what runs have logged to the charts on the screen.
 * @param {import("./experiment_series.js").ChartSeries} charts
 * @param {Set<string>} runs
 */
export async function extend(charts, runs) {
  const { view } = charts;
  if (!view) return;
  const id = charts.viewId;
  if (view.groups || view.x.startsWith("metric:")) {
    charts.refresh(view.groups ? view.lines : [...runs]);
    return;
  }
  /** @type {[string, string, number][]} */
  const asked = [];
  let lacking = false;
  for (const [key, store] of charts.charts) {
    for (const [line, found] of store.have) {
      if (!runs.has(line)) continue;
      if (!store.axes && store.view === id && charts.seen.has(key)) asked.push([line, key, found ? found.position : -1]);
      else {
        store.old.add(line);
        lacking = lacking || Boolean(store.axes);
      }
    }
  }
  if (lacking) charts.plan(700);
  if (!asked.length) return;
  const { series } = await getTail(asked);
  if (id !== charts.viewId) return charts.refresh([...runs]);
  const changed = new Set();
  lacking = false;
  for (const tail of series) {
    const store = charts.charts.get(tail.key);
    if (!store) continue;
    const line = store.have.get(tail.run);
    const start = view.start(tail.run);
    const xs = view.x === "step" ? tail.steps : view.x === "time" ? tail.timestamps : tail.timestamps.map((at) => at - start);
    if (line && line.position >= tail.position) continue;
    if (line && line.position >= 0 && addInRange(line, xs, tail.values, view.range)) line.position = tail.position;
    else {
      store.old.add(tail.run);
      lacking = true;
    }
    changed.add(tail.key);
  }
  for (const key of changed) charts.publish(key, true);
  if (lacking) charts.plan(200);
}
