/** What one can do with the chart of a metric: keep it as a picture or as numbers, and link to it. */

import * as api from "../data/api.js";
import { exported } from "../lib/export.js";
import { decoded } from "../lib/kinds.js";
import { csvOf, save, savePng, svgOf } from "../parts/chart_export.js";
import { rangeOf } from "../parts/lines_extent.js";
import { sentence } from "../parts/problem.js";
import { copyLink } from "../parts/clipboard.js";
import { toast } from "../parts/toast.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */

/** The greatest number of rows of a table that are downloaded. */
const MOST_ROWS = 100_000;

/**
 * @param {{
 *   metric: Metric, kind: string, run: any, shell: import("../shell.js").Shell,
 *   state: import("@preact/signals").Signal<any>, card: HTMLElement | null, onLarge: () => void,
 * }} props
 * @returns {import("../parts/menu.js").MenuEntry[]}
 */
export function menuOf({ metric, kind, run, shell, state, card, onLarge }) {
  const { key } = metric;
  const link = shell.href(
    { page: "run", id: run.id, tab: "metrics" },
    { ...state.value, other: { chart: `${key} ${kind}` } },
  );
  return [
    { label: "Large view", hint: "Enter", run: onLarge },
    "line",
    ...(kind === "line" ? lineItems(metric, run, state, card) : []),
    ...(kind === "table" ? [{ label: "Download CSV", run: () => saveTable(run.id, key) }] : []),
    { label: "Copy link", run: () => copyLink(link) },
  ];
}

/** @param {import("../lib/devices.js").MetricOfDevices} metric @param {any} run @param {import("@preact/signals").Signal<any>} state @param {HTMLElement | null} card */
function lineItems({ key, members }, run, state, card) {
  const plot = () => /** @type {any} */ (card?.querySelector(".lines-plot"))?.plot;
  const seen = () => csvOf(plot().lines, state.value.range ?? rangeOf(plot().lines), state.value.x);
  return [
    { label: "Download PNG", run: () => savePng(key, plot()) },
    { label: "Download SVG", run: () => save(`${key}.svg`, new Blob([svgOf(key, plot())], { type: "image/svg+xml" })) },
    { label: "Download CSV of what is seen", run: () => save(`${key}.csv`, new Blob([seen()], { type: "text/csv" })) },
    ...(members ?? [{ key, name: "" }]).flatMap((one) =>
      /** @type {const} */ (["csv", "json"]).map((format) => ({
        label: `Download all points${one.name && ` of ${one.name}`} as ${format.toUpperCase()}`,
        href: api.pointsUrl(run.id, one.key, { format }),
      })),
    ),
  ];
}

/** @param {string} run @param {string} key */
async function saveTable(run, key) {
  try {
    const { table } = await api.getValues(run, key, { limit: MOST_ROWS });
    const columns = Object.entries(table.columns).map(([label, cells]) => {
      const values = decoded(/** @type {any[]} */ (cells));
      return {
        label,
        get: (/** @type {number} */ row) => (typeof values[row] === "boolean" ? String(values[row]) : values[row]),
      };
    });
    const text = exported({ columns: /** @type {any} */ (columns), rows: table.steps.length }, "csv");
    save(`${key}.csv`, new Blob([text], { type: "text/csv" }));
  } catch (error) {
    toast(sentence(error), { kind: "problem" });
  }
}
