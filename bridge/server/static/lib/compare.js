/** What runs have in common and what differs. */

/**
 * A run as the comparison needs it.
 *
 * @typedef {object} ComparedRun
 * @property {string} id
 * @property {string} name
 * @property {number} number
 * @property {string} status
 * @property {number | null} start_time
 * @property {number | null} end_time
 * @property {string | null} user
 * @property {[string, string | null][]} params
 * @property {[string, string | null][]} tags
 * @property {{ key: string, column: string, value: number | null }[]} latest
 */

/** @typedef {"run" | "param" | "metric" | "tag" | "fact" | "package" | "variable"} RowKind */

/**
 * A row of the comparison: one value for each run, and null for a run without a value.
 *
 * @typedef {object} ComparedRow
 * @property {RowKind} kind
 * @property {string} key
 * @property {(string | number | null)[]} values
 * @property {boolean} isDifferent
 */

const HIDDEN_TAGS = /^(mlflow\.|runbridge\.)/;

/**
 * Return the rows of runs: facts of the runs, then params, metrics and tags, each sorted by key.
 *
 * Tags that MLflow or Runbridge set for themselves are left out.
 *
 * @param {ComparedRun[]} runs
 * @returns {ComparedRow[]}
 */
export function rowsOf(runs) {
  const duration = (/** @type {ComparedRun} */ { start_time: start, end_time: end }) => (start !== null && end !== null ? end - start : null);
  return [
    row("run", "status", runs.map((run) => run.status)),
    row("run", "started", runs.map((run) => run.start_time)),
    row("run", "duration", runs.map(duration)),
    row("run", "user", runs.map((run) => run.user)),
    ...keyed("param", runs.map((run) => new Map(run.params))),
    ...keyed("metric", runs.map((run) => new Map(run.latest.map((one) => [one.column ? `${one.key}.${one.column}` : one.key, one.value])))),
    ...keyed("tag", runs.map((run) => new Map(run.tags.filter(([key]) => !HIDDEN_TAGS.test(key))))),
  ];
}

/** @param {RowKind} kind @param {Map<string, string | number | null>[]} maps @returns {ComparedRow[]} */
function keyed(kind, maps) {
  const keys = new Set();
  for (const map of maps) for (const key of map.keys()) keys.add(key);
  return [...keys].sort(byWords).map((key) => row(kind, key, maps.map((map) => map.get(key) ?? null)));
}

const byWords = new Intl.Collator("en", { numeric: true }).compare;

/** @param {RowKind} kind @param {string} key @param {(string | number | null)[]} values @returns {ComparedRow} */
const row = (kind, key, values) => ({ kind, key, values, isDifferent: values.some((value) => !Object.is(value, values[0])) });

/**
 * Return the places of the best values. It is empty if there are fewer than two values or all are equal.
 *
 * @param {(string | number | null)[]} values
 * @param {boolean} isLow whether the lowest value is the best
 * @returns {Set<number>}
 */
export function bestOf(values, isLow) {
  const numbers = values.filter((value) => typeof value === "number" && !Number.isNaN(value)).map(Number);
  const best = isLow ? Math.min(...numbers) : Math.max(...numbers);
  if (numbers.length < 2 || numbers.every((value) => value === best)) return new Set();
  return new Set(values.flatMap((value, at) => (value === best ? [at] : [])));
}

/**
 * Return how many rows of each kind are the same in all runs.
 *
 * @param {ComparedRow[]} rows
 * @returns {Record<string, number>}
 */
export function equalCounts(rows) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { kind, isDifferent } of rows) if (!isDifferent) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/**
 * Return the columns that describe a sweep best: params that differ, those with few missing values first, then metrics.
 *
 * @param {{ entity: string, key: string, column: string, kind: string, type: string, runs: number,
 *   minimum: number | null, maximum: number | null, words: unknown[] }[]} keys the keys of an experiment
 * @param {number} most the greatest number of params
 * @returns {string[]} names such as `params.lr` and `metrics.val/loss`
 */
export function sweepColumns(keys, most = 6) {
  const many = (/** @type {{ runs: number }} */ one, /** @type {{ runs: number }} */ two) => two.runs - one.runs;
  const params = keys.filter((key) => key.entity === "param" && key.words.length !== 1).sort(many).slice(0, most);
  const metrics = keys
    .filter((key) => key.entity === "metric" && key.type === "number" && !key.column && key.kind === "scalar")
    .filter((key) => key.minimum !== key.maximum && !key.key.startsWith("system/"))
    .sort((one, two) => score(two.key) - score(one.key) || two.runs - one.runs)
    .slice(0, 2)
    .reverse();
  return [...params.map(({ key }) => `params.${key}`), ...metrics.map(({ key }) => `metrics.${key}`)];
}

/** How much a metric says about the result of a run. @param {string} key */
const score = (key) => 2 * Number(/val|test|eval/i.test(key)) + Number(/loss|acc|f1|auc|score|err/i.test(key));
