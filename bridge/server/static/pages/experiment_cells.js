/** The cells of the table of runs: how a value of a column reads. */

import { columnParts, stepOf } from "../lib/column.js";
import { ago, count, duration, exact, number, time } from "../lib/format.js";
import { SIGNS, statusSign } from "../parts/status.js";
import { bestBelow, groupName, spreadOf } from "./experiment_entries.js";

/** @typedef {import("../parts/table_rows.js").TableColumn} TableColumn */
/** @typedef {import("../parts/table_rows.js").Cell} Cell */
/** @typedef {import("./experiment_runs.js").Runs} Runs */
/** @typedef {import("./experiment_entries.js").Places} Places */

export const TITLES = /** @type {Record<string, string>} */ ({
  name: "Name", status: "Status", start_time: "Created", end_time: "Ended", duration: "Duration", user: "User",
  run_id: "Id", number: "Number", parent_id: "Parent", description: "Note", type: "Type", lifecycle_stage: "Stage",
});
const WIDTHS = /** @type {Record<string, number>} */ ({ name: 196, status: 104, start_time: 84, end_time: 84, duration: 96 });
const TIMES = new Set(["start_time", "end_time", "deletion_time"]);

/**
 * Return a column of the table.
 * @param {string} id its name, such as `metrics.val/loss:min`
 * @param {Runs} runs
 * @param {Map<string, number>} widths
 * @returns {TableColumn}
 */
export function tableColumn(id, runs, widths) {
  const { entity, key, statistic: chosen } = columnParts(id);
  const statistic = chosen === "last" ? "" : chosen;
  const title = TITLES[id] || key;
  const found = runs.columns.get(id);
  /** @type {TableColumn["kind"]} */
  let kind = "text";
  if (id === "name" || id === "status") kind = id;
  else if (TIMES.has(id)) kind = "time";
  else if (found ? found.kind === "number" || allNumbers(found.words) : entity === "metric") kind = "number";
  const guess = WIDTHS[id] || Math.min(176, Math.max(80, 28 + 7 * title.length + (statistic ? 20 + 6 * statistic.length : 0) + (stepOf(id) ? 40 : 0)));
  return { id, title, kind, width: widths.get(id) || guess, statistic, hint: id };
}

/** @param {(string | null)[]} words */
const allNumbers = (words) => words.length > 1 && words.every((word) => word === null || (word !== "" && Number.isFinite(Number(word))));

/**
 * @typedef {object} CellContext
 * @property {Runs} runs
 * @property {Places} places
 * @property {number} now
 * @property {(id: string) => string} href
 * @property {Set<string>} descending the columns that are sorted with the greatest first
 * @property {number} base the row of the baseline; -1 without one
 */

/**
 * Return what the table shows at a place in a column.
 * @param {CellContext} context
 * @param {number} place
 * @param {TableColumn} column
 * @returns {Cell | string}
 */
export function cellOf(context, place, column) {
  const { places, runs } = context;
  const row = places.at[place];
  if (row < 0) return groupCell(context, ~row, column);
  const cell = runCell(context, row, column);
  const { base } = context;
  if (base < 0 || base === row || column.kind === "name" || column.kind === "status" || column.kind === "time") return cell;
  const found = runs.columns.get(column.id);
  const differs = found && (found.kind === "text" ? found.codes[row] !== found.codes[base] : false);
  if (!differs) return cell;
  return typeof cell === "string" ? { text: cell, tone: "other" } : { ...cell, tone: `${cell.tone || ""} other` };
}

/**
 * @param {CellContext} context
 * @param {number} row
 * @param {TableColumn} column
 * @returns {Cell | string}
 */
function runCell(context, row, column) {
  const { runs, now, places } = context;
  const { id } = column;
  if (id === "name") {
    return { text: runs.text("name", row) || runs.ids[row], href: context.href(runs.ids[row]), hint: runs.text("name", row) || "" };
  }
  if (id === "status") return statusCell(runs, row, now);
  const found = runs.columns.get(id);
  if (!found) return { text: "…", tone: "soft" };
  if (found.kind === "text") return { text: found.words[found.codes[row]] ?? "", hint: found.words[found.codes[row]] ?? "" };
  const value = found.values[row];
  if (column.kind === "time") return Number.isNaN(value) ? "" : { text: ago(value, now), hint: time(value, { seconds: true }), tone: "soft" };
  if (id === "duration") {
    if (Number.isNaN(value)) return "";
    if (value >= 0) return { text: duration(value), tone: "soft" };
    const times = ["start_time", "end_time"].map((name) => time(runs.number(name, row), { seconds: true })).filter(Boolean);
    return { text: "?", tone: "soft", hint: `It ended before it started${times.length ? `: ${times.join(" to ")}` : ""}` };
  }
  if (!Number.isNaN(value)) {
    const step = stepOf(id) ? runs.number(stepOf(id), row) : NaN;
    if (Number.isNaN(step)) return { text: number(value), hint: exact(value) };
    return { text: number(value), after: `@${count(step)}`, hint: `${exact(value)} at step ${count(step)}` };
  }
  if (found.present && found.present[row]) return { text: "NaN", hint: "NaN was logged" };
  if (!places.children.has(row) || !id.startsWith("metrics.")) return "";
  const greatest = id.endsWith(":max") || context.descending.has(id);
  const best = bestBelow(runs, places.children, row, id, greatest);
  return Number.isNaN(best) ? "" : { text: number(best), tone: "soft", hint: `The ${greatest ? "greatest" : "least"} of its child runs` };
}

/**
 * @param {CellContext} context
 * @param {number} number_ the group's number
 * @param {TableColumn} column
 * @returns {Cell | string}
 */
function groupCell({ places, runs }, number_, column) {
  const group = places.groups[number_];
  if (column.kind === "name") return { text: `${groupName(group)} (${group.rows.length})`, hint: groupName(group) };
  if (column.id === "status") return statusCounts(runs, group.rows);
  const at = group.names.indexOf(column.id);
  if (at >= 0) return String(group.values[at] ?? "");
  const found = runs.columns.get(column.id);
  if (!found || column.kind === "time") return "";
  if (found.kind === "text") {
    const first = found.codes[group.rows[0]];
    return group.rows.every((row) => found.codes[row] === first) ? found.words[first] ?? "" : { text: "varies", tone: "soft" };
  }
  const { count, mean, deviation, minimum, maximum } = spreadOf(runs, column.id, group.rows);
  if (!count) return "";
  if (column.id === "duration") return duration(mean);
  const text = Number.isNaN(deviation) ? number(mean, 3) : `${number(mean, 3)} ± ${number(deviation, 2)}`;
  return { text, hint: `mean ± standard deviation of ${count}, from ${number(minimum)} to ${number(maximum)}` };
}

/**
 * @param {Runs} runs
 * @param {number[]} rows
 */
function statusCounts(runs, rows) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const row of rows) {
    const status = runs.text("status", row) || "";
    counts.set(status, (counts.get(status) || 0) + 1);
  }
  return [...counts].map(([status, count]) => `${statusSign(status).sign} ${count}`).join("\u2003");
}

/**
 * @param {Runs} runs
 * @param {number} row
 * @param {number} now
 * @returns {Cell}
 */
function statusCell(runs, row, now) {
  const status = runs.text("status", row) || "";
  const { sign, kind } = statusSign(status);
  const started = runs.number("start_time", row);
  const lasted = runs.number("duration", row);
  const active = !(status in SIGNS) || ["Running", "Finalizing", "NotResponding"].includes(status);
  const spent = active ? (started <= now ? duration(now - started) : "") : lasted >= 0 ? duration(lasted) : "?";
  return { text: Number.isNaN(started) ? status : spent, glyph: sign, glyphTone: kind, hint: `${status}, ${spent}` };
}
