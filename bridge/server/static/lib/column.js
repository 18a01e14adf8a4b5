/** The names of columns, as `name`, `metrics.val/loss:min` or `params.lr`. */

/** @typedef {"attribute" | "metric" | "param" | "tag" | "property"} Entity */
/** @typedef {"last" | "first" | "min" | "max" | "count" | "step"} Statistic */
/** @typedef {{ entity: Entity, key: string, statistic: Statistic }} ColumnParts */

/** @type {Record<string, Entity>} */
const ENTITIES = { metrics: "metric", params: "param", tags: "tag", properties: "property", attributes: "attribute" };
/** @type {Record<Entity, string>} */
const PREFIXES = { metric: "metrics", param: "params", tag: "tags", property: "properties", attribute: "" };
/** @type {readonly string[]} */
const STATISTICS = ["last", "first", "min", "max", "count", "step"];

/** Return the parts of a column's name. Names without a known prefix are attributes. @param {string} name @returns {ColumnParts} */
export function columnParts(name) {
  const dot = name.indexOf(".");
  const entity = ENTITIES[name.slice(0, dot)];
  if (dot < 1 || !entity) return { entity: "attribute", key: name, statistic: "last" };
  const key = name.slice(dot + 1);
  const colon = key.lastIndexOf(":");
  const statistic = key.slice(colon + 1);
  if (entity !== "metric" || colon < 1 || !STATISTICS.includes(statistic)) return { entity, key, statistic: "last" };
  return { entity, key: key.slice(0, colon), statistic: /** @type {Statistic} */ (statistic) };
}

/** Return the name of a column, which `columnParts` reads again. @param {{ entity: Entity, key: string, statistic?: Statistic }} column */
export function columnName({ entity, key, statistic = "last" }) {
  const name = PREFIXES[entity] ? `${PREFIXES[entity]}.${key}` : key;
  if (entity !== "metric") return name;
  // A key may itself end like a statistic. Then the statistic is always written.
  const ambiguous = columnParts(name).key !== key;
  return statistic === "last" && !ambiguous ? name : `${name}:${statistic}`;
}
