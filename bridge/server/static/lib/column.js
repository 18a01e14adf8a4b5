/** The names of columns, as `name`, `metrics.val/loss:min`, `metrics.val/loss:@100` (the value at a step) or `params.lr`. */

/** @typedef {"attribute" | "metric" | "param" | "tag" | "property"} Entity */
/** @typedef {string} Statistic one of `STATISTICS`, or `@100` */
/** @typedef {{ entity: Entity, key: string, statistic: Statistic }} ColumnParts */

/** @type {Record<string, Entity>} */
const ENTITIES = { metrics: "metric", params: "param", tags: "tag", properties: "property", attributes: "attribute" };
/** @type {Record<Entity, string>} */
const PREFIXES = { metric: "metrics", param: "params", tag: "tags", property: "properties", attribute: "" };
/** @type {readonly string[]} */
export const STATISTICS = ["last", "first", "min", "max", "count", "step", "min_step", "max_step"];
const AT_STEP = /^@-?\d{1,16}$/;

/** Return the parts of a column's name. Names without a known prefix are attributes. @param {string} name @returns {ColumnParts} */
export function columnParts(name) {
  const dot = name.indexOf(".");
  const entity = ENTITIES[name.slice(0, dot)];
  if (dot < 1 || !entity) return { entity: "attribute", key: name, statistic: "last" };
  const key = name.slice(dot + 1);
  const colon = key.lastIndexOf(":");
  const statistic = key.slice(colon + 1);
  if (entity !== "metric" || colon < 1 || !(STATISTICS.includes(statistic) || AT_STEP.test(statistic))) return { entity, key, statistic: "last" };
  return { entity, key: key.slice(0, colon), statistic };
}

/** Return the name of a column, which `columnParts` reads again. @param {{ entity: Entity, key: string, statistic?: Statistic }} column */
export function columnName({ entity, key, statistic = "last" }) {
  const name = PREFIXES[entity] ? `${PREFIXES[entity]}.${key}` : key;
  if (entity !== "metric") return name;
  // A key may itself end like a statistic. Then the statistic is always written.
  const ambiguous = columnParts(name).key !== key;
  return statistic === "last" && !ambiguous ? name : `${name}:${statistic}`;
}

/** Return the column with the step of an extreme, which is shown beside it; "" for other columns. @param {string} name */
export function stepOf(name) {
  const { entity, key, statistic } = columnParts(name);
  return statistic === "min" || statistic === "max" ? columnName({ entity, key, statistic: `${statistic}_step` }) : "";
}

/**
 * Return whether a low value of a metric is good, guessed from its name.
 * @param {string} key
 */
export const isLowerBetter = (key) =>
  /loss|err|mae|mse|rmse|perplexity|ppl|nll|brier|fid\b|wer\b|cer\b|latency|duration|seconds|time|cost|divergence|distance/i.test(key);
