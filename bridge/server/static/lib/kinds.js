/** Which chart shows what was logged under a key: one kind of chart for each kind of metric. Pure functions. */

/**
 * @typedef {{
 *   kind: string, column: string, type: "number" | "text", points: number, last: any,
 *   step?: number, timestamp?: number, minimum?: number | null, maximum?: number | null,
 * }} SeriesFacts
 * @typedef {{ key: string, kinds: string[], description: string | null, series: SeriesFacts[] }} Metric
 * @typedef {"line" | "value" | "bands" | "word" | "table" | "images" | "confusion_matrix" | "accuracy_table" | "residuals" | "predictions"} ChartKind
 */

export const SYSTEM = "system/";

const FILE_KINDS = /** @type {const} */ (["confusion_matrix", "accuracy_table", "residuals", "predictions"]);

/** Whether the launcher has measured a metric. @param {{ key: string }} metric */
export const isSystem = ({ key }) => key.startsWith(SYSTEM);

/**
 * The charts of a key, in the order in which they are shown. Usually there is one.
 * @param {Metric} metric
 * @returns {ChartKind[]}
 */
export function chartKinds(metric) {
  /** @type {ChartKind[]} */
  const found = [];
  const scalars = metric.series.filter((one) => one.kind === "scalar");
  const numbers = scalars.find((one) => one.type === "number");
  const texts = scalars.find((one) => one.type === "text");
  const table = metric.kinds.includes("table");
  if (numbers && !table) found.push(numbers.points > 1 || texts ? "line" : "value");
  if (texts && !table) found.push(texts.points > 1 || numbers ? "bands" : "word");
  if (table) found.push("table");
  for (const kind of FILE_KINDS) if (metric.kinds.includes(kind)) found.push(kind);
  if (metric.kinds.includes("image")) found.push("images");
  return found;
}

/** The section of a key: the part before its first `/`. @param {string} key */
const sectionOf = (key) => (key.indexOf("/") > 0 ? key.slice(0, key.indexOf("/")) : "");

/**
 * The metrics by section, in the order in which they were first logged; keys without a section come first.
 * @template {{ key: string }} T
 * @param {T[]} metrics
 * @param {(key: string) => string} by
 * @returns {{ name: string, metrics: T[] }[]}
 */
export function sections(metrics, by = sectionOf) {
  /** @type {Map<string, T[]>} */
  const found = new Map([["", []]]);
  for (const metric of metrics) {
    const name = by(metric.key);
    const own = found.get(name);
    if (own) own.push(metric);
    else found.set(name, [metric]);
  }
  return [...found].filter(([, own]) => own.length).map(([name, own]) => ({ name, metrics: own }));
}

/** Numbers that JSON sends as texts. @type {Record<string, number>} */
const WORDS = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };

/**
 * Values as they were logged: in a list of numbers, the texts `NaN`, `Infinity` and `-Infinity` are numbers.
 * @param {(string | number | boolean | null)[]} values
 */
export function decoded(values) {
  const numeric = values.every(
    (value) => value === null || typeof value === "number" || (typeof value === "string" && value in WORDS),
  );
  return numeric ? values.map((value) => (typeof value === "string" ? WORDS[value] : value)) : values;
}
