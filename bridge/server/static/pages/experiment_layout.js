/** The layout of the charts, as the address keeps it: sections by prefix, their order, and the charts' sizes. */

/** @typedef {import("../data/api.js").Key} Key */

/**
 * @typedef {object} Layout
 * @property {string[]} order sections that come first, in order
 * @property {string[]} big charts of double width
 * @property {string[]} pin charts above all sections
 * @property {string[]} shut closed sections
 * @property {string[]} open sections that are open though they are closed by default
 * @property {string[]} xy the axes of tables that were chosen, as `axesItem` writes them
 * @property {number} per charts in a row; 0 for as many as there is room
 * @property {string} find
 */

/**
 * A chart: its key for the server, and what is known of it.
 * @typedef {{ key: string, kind: string, type: "number" | "text", about: string, runs: number, words: [string, number][],
 *   table?: { name: string, columns: string[] } }} ChartSpec `table` has the columns of numbers of a table
 * @typedef {{ name: string, open: boolean, charts: ChartSpec[] }} Section
 */

const LISTS = /** @type {const} */ (["order", "big", "pin", "shut", "open", "xy"]);
const PINNED = "Pinned";
const PLAIN = "Metrics";
const LAST = ["Texts", "Tables", "Images and others", "system"];
const MANY_CHARTS = 60;

/** @param {string} item */
const escape = (item) => item.replace(/[%,;:]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
/** @param {string} item */
const unescape = (item) => item.replace(/%(25|2C|3B|3A)/gi, (_, code) => String.fromCharCode(parseInt(code, 16)));

/**
 * @param {string} text
 * @returns {Layout}
 */
export function parseLayout(text) {
  /** @type {Layout} */
  const layout = { order: [], big: [], pin: [], shut: [], open: [], xy: [], per: 0, find: "" };
  for (const part of text.split(";").filter(Boolean)) {
    const colon = part.indexOf(":");
    const name = colon < 0 ? "order" : part.slice(0, colon);
    const items = part.slice(colon + 1).split(",").filter(Boolean).map(unescape);
    if (name === "per") layout.per = Math.min(6, Math.max(0, Math.floor(Number(items[0])) || 0));
    else if (name === "find") layout.find = items.join(",");
    else for (const list of LISTS) if (list === name) layout[list] = items;
  }
  return layout;
}

/**
 * @param {Layout} layout
 * @returns {string}
 */
export function printLayout(layout) {
  const parts = LISTS.filter((name) => layout[name].length).map((name) => {
    const items = layout[name].map(escape).join(",");
    return name === "order" ? items : `${name}:${items}`;
  });
  if (layout.per) parts.push(`per:${layout.per}`);
  if (layout.find) parts.push(`find:${escape(layout.find)}`);
  return parts.join(";");
}

/** @param {Key} key */
function sectionOf(key) {
  if (key.type === "text" && key.kind === "scalar") return "Texts";
  if (key.kind === "table") return "Tables";
  if (key.kind !== "scalar") return "Images and others";
  const slash = key.key.indexOf("/");
  return slash > 0 ? key.key.slice(0, slash) : PLAIN;
}

/**
 * Return the sections of charts for the keys of metrics.
 * @param {Key[]} keys
 * @param {Layout} layout
 * @returns {Section[]}
 */
export function sectionsOf(keys, layout) {
  const about = new Map(keys.filter((key) => key.kind === "description").map((key) => [key.key, key.words[0]?.[0] || ""]));
  const find = layout.find.toLowerCase();
  /** @type {Map<string, Map<string, ChartSpec>>} */
  const sections = new Map();
  const scalars = new Set(keys.filter((key) => key.entity === "metric" && key.kind === "scalar").map((key) => key.key));
  /** @type {Map<string, ChartSpec>} */
  const tables = new Map();
  const seen = new Set();
  let count = 0;
  for (const key of keys) {
    if (key.entity !== "metric" || key.kind === "description") continue;
    const name = key.kind === "table" && scalars.has(key.key) ? `${key.key} (table)` : key.key;
    if (find && !name.toLowerCase().includes(find)) continue;
    if (key.kind === "table" && tables.has(name)) {
      addColumn(/** @type {ChartSpec} */ (tables.get(name)), key);
      continue;
    }
    if (seen.has(`${name}|${key.type}`)) continue;
    seen.add(`${name}|${key.type}`);
    const section = layout.pin.includes(name) ? PINNED : sectionOf(key);
    const charts = sections.get(section) || new Map();
    sections.set(section, charts);
    const spec = { key: name, kind: key.kind, type: key.type, about: about.get(key.key) || "", runs: key.runs, words: key.words };
    if (!charts.has(name)) charts.set(name, spec);
    if (key.kind === "table") tables.set(name, addColumn({ ...spec, type: "text", table: { name: key.key, columns: [] } }, key));
    const table = tables.get(name);
    if (table) charts.set(name, table);
    count++;
  }
  const place = (/** @type {string} */ name) => {
    if (name === PINNED) return -1000;
    const ordered = layout.order.indexOf(name);
    if (ordered >= 0) return ordered - 900;
    return name === PLAIN ? 0 : LAST.includes(name) ? 10 + LAST.indexOf(name) : 1;
  };
  const names = [...sections.keys()].sort((one, other) => place(one) - place(other) || (one < other ? -1 : 1));
  return names.map((name, at) => {
    const shutFirst = name === "system" || (count > MANY_CHARTS && at > 0);
    const open = find !== "" || (shutFirst ? layout.open.includes(name) : !layout.shut.includes(name));
    return { name, open, charts: [...(sections.get(name) || new Map()).values()] };
  });
}

/** Take a column of a table into its chart. @param {ChartSpec} spec @param {Key} key */
function addColumn(spec, key) {
  spec.runs = Math.max(spec.runs, key.runs);
  if (key.type === "number") {
    spec.type = "number";
    spec.table?.columns.push(key.column);
  }
  return spec;
}

/** Write the axes of a table as an item of `xy`. @param {string} key @param {string} x @param {string} y */
export const axesItem = (key, x, y) => [key, x, y].map(encodeURIComponent).join("=");

/** Return the chosen axes of a table. @param {Layout} layout @param {string} key @returns {[string, string] | null} */
export function chosenAxes({ xy }, key) {
  const item = xy.find((one) => one.startsWith(`${encodeURIComponent(key)}=`));
  const parts = item?.split("=").slice(1).map(decodeURIComponent);
  return parts?.length === 2 ? [parts[0], parts[1]] : null;
}

/**
 * Open or close a section.
 * @param {Layout} layout
 * @param {Section} section
 * @returns {Layout}
 */
export function toggleSection(layout, section) {
  const without = (/** @type {string[]} */ list) => list.filter((name) => name !== section.name);
  return section.open
    ? { ...layout, shut: [...without(layout.shut), section.name], open: without(layout.open) }
    : { ...layout, shut: without(layout.shut), open: [...without(layout.open), section.name] };
}
