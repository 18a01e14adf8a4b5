/** The menu of a column of the table: its order, the value it shows, and its place. */

import { columnName, columnParts, isLowerBetter } from "../lib/column.js";

const VALUES = /** @type {[string, string][]} */ ([
  ["last", "Latest"], ["min", "Least, with its step"], ["max", "Greatest, with its step"], ["first", "First"], ["count", "Number of points"],
]);

/**
 * @param {import("./experiment_model.js").ExperimentModel} model
 * @param {import("../shell.js").Shell} shell
 * @param {any} actions
 * @param {string} id
 * @returns {import("../parts/menu.js").MenuEntry[]}
 */
export function columnMenu(model, shell, actions, id) {
  const state = model.state.value;
  const columns = model.columns.value;
  const sorted = state.sort.find((item) => item.column === id);
  const at = columns.indexOf(id);
  const order = (/** @type {boolean} */ descending) => ({
    label: descending ? "Greatest first" : "Least first", checked: sorted?.descending === descending,
    run: () => shell.change({ sort: sorted?.descending === descending ? [] : [{ column: id, descending }] }),
  });
  const isGroup = state.group.includes(id);
  const isColour = state.other.colour === id;
  const groups = columnParts(id).entity === "metric" || ["name", "run_id", "number", "start_time", "end_time", "duration"].includes(id) ? [] : [
    { label: "Group by", checked: isGroup, run: () => actions.group(id, !isGroup) },
  ];
  const colours = id === "name" || id === "run_id" ? [] : [
    { label: "Colour runs by", checked: isColour, run: () => shell.change({ other: { ...state.other, colour: isColour ? "" : id } }) },
  ];
  return [
    order(false), order(true), "line",
    ...valuesOf(id, shell, columns, actions),
    ...groups, ...colours,
    { label: "Keep at the left up to here", checked: state.pin === at + 1, run: () => shell.change({ pin: state.pin === at + 1 ? 0 : at + 1 }) },
    "line",
    ...(columns.length > 1 ? [{ label: "Hide", run: () => actions.setColumn(id, false) }] : []),
    { label: "Columns…", hint: ".", run: () => actions.openColumns() },
  ];
}

/**
 * The values of a metric of which a column can show one.
 * @param {string} id
 * @param {import("../shell.js").Shell} shell
 * @param {string[]} columns
 * @param {any} actions
 * @returns {import("../parts/menu.js").MenuEntry[]}
 */
function valuesOf(id, shell, columns, actions) {
  const { entity, key, statistic } = columnParts(id);
  if (entity !== "metric") return [];
  const best = isLowerBetter(key) ? "min" : "max";
  const show = (/** @type {string} */ name) => {
    const next = columnName({ entity, key, statistic: name });
    shell.change({ cols: [...new Set(columns.map((column) => (column === id ? next : column)))] });
  };
  return [
    { title: "Value" },
    ...VALUES.map(([name, label]) => ({ label, hint: name === best ? "best" : "", checked: statistic === name, run: () => show(name) })),
    { label: "At a step…", checked: statistic.startsWith("@"), run: () => actions.openColumns(`${key}:@`) },
    "line",
  ];
}
