/** Reads the runs of an experiment: all of them, or the first ones of the order if there are very many. */

import { batch } from "@preact/signals";
import { getExperiment, getKeys, getMatch, getTable } from "../data/api.js";
import { printList } from "../lib/state.js";

/** @typedef {import("./experiment_model.js").ExperimentModel} ExperimentModel */

/** Columns that the page needs whatever is shown. */
const BASE_COLUMNS = ["name", "status", "start_time", "end_time", "duration", "parent_id", "description"];
/** The greatest number of runs that are in the browser at once for one filter and order. */
const MOST_ROWS = 50_000;
const MOST_COLUMNS = 200;

/** All columns that the page has or wants. @param {ExperimentModel} model */
export const columnsOf = (model) =>
  [...new Set([...BASE_COLUMNS, ...model.wanted.peek(), ...model.runs.columns.keys()])].slice(0, MOST_COLUMNS);

/** Whether not all runs fit into the browser. @param {ExperimentModel} model */
export const isPart = (model) => model.limit < Infinity;

/** What is read: with very many runs, only those that match, in the order of the table. @param {ExperimentModel} model */
function asked(model) {
  const { q, sort } = model.state.peek();
  const order = sort.map(({ column, descending }) => (descending ? `-${column}` : column));
  return { limit: MOST_ROWS, view: model.view, ...(isPart(model) ? { q, sort: printList(order) } : {}) };
}

/** Read what the first picture needs. @param {ExperimentModel} model */
export async function load(model) {
  try {
    const { q, sort } = model.state.peek();
    const [table, { keys }, experiment, left] = await Promise.all([
      getTable(model.id, { cols: columnsOf(model), limit: MOST_ROWS, view: model.view }),
      getKeys(model.id, { limit: 2000 }),
      getExperiment(model.id),
      q.trim() ? getMatch(model.id, { q, view: model.view }) : null,
    ]);
    batch(() => {
      model.cursor = table.cursor;
      model.total.value = table.total;
      model.limit = table.total > table.ids.length ? table.ids.length : Infinity;
      model.runs.take(table);
      model.matched.value = left && rowsOf(model, left.numbers);
      model.beyond.value = isPart(model) ? table.total : 0;
      model.keys.value = keys;
      model.experiment.value = experiment;
      model.version.value++;
    });
    if (isPart(model) && (q.trim() || sort.length)) await loadPart(model);
    await loadColumns(model);
  } catch (error) {
    model.error.value = error;
  }
}

/** Read the columns that are wanted and not there yet. @param {ExperimentModel} model */
export async function loadColumns(model) {
  const missing = model.wanted.peek().filter((name) => !model.runs.columns.has(name) && !model.loading.has(name));
  if (!missing.length || !model.cursor) return;
  for (const name of missing) model.loading.add(name);
  try {
    model.runs.take(await getTable(model.id, { cols: missing, ...asked(model) }));
  } catch (error) {
    model.error.value = error;
  }
  for (const name of missing) model.loading.delete(name);
  model.version.value++;
}

/** Read the first runs that match, in the order of the table: of very many runs, only these are shown. @param {ExperimentModel} model */
async function loadPart(model) {
  const wanted = asked(model);
  try {
    const table = await getTable(model.id, { cols: columnsOf(model), ...wanted });
    if (JSON.stringify(asked(model)) !== JSON.stringify(wanted)) return;
    batch(() => {
      model.runs.take(table);
      model.matched.value = rowsOf(model, table.numbers);
      model.beyond.value = table.total > table.ids.length ? table.total : 0;
      if (!wanted.q?.trim()) model.total.value = table.total;
      model.version.value++;
    });
  } catch (error) {
    model.error.value = error;
  }
}

/** Ask which runs the filter leaves. @param {ExperimentModel} model */
export async function match(model) {
  const { q } = model.state.peek();
  if (!model.cursor) return;
  if (isPart(model)) return loadPart(model);
  if (!q.trim()) {
    model.matched.value = null;
    return;
  }
  try {
    const { numbers } = await getMatch(model.id, { q, view: model.view });
    if (model.state.peek().q === q) model.matched.value = rowsOf(model, numbers);
  } catch (error) {
    model.error.value = error;
  }
}

/** @param {ExperimentModel} model @param {ArrayLike<number>} numbers run numbers */
const rowsOf = ({ runs }, numbers) => new Set(Array.from(numbers, (number) => runs.rowByNumber.get(number) ?? -1));
