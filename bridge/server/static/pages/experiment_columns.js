/** Which columns the table can show: what the picker finds, and what the filter completes. */

import { getKeys } from "../data/api.js";
import { STATISTICS, columnName, columnParts } from "../lib/column.js";
import { columnOfKey } from "../lib/column_choice.js";
import { comparators, hasBothQuotes, keyText } from "../lib/filter.js";
import { plural } from "../lib/format.js";
import { TITLES } from "./experiment_cells.js";

/** @typedef {import("../data/api.js").Key} Key */

const ATTRIBUTES = ["name", "status", "start_time", "duration", "end_time", "user", "number", "run_id", "type", "description", "parent_id"];
const OPERATORS = ["=", "!=", "LIKE", "ILIKE"];

/** @param {Key} key */
const isColumn = (key) => key.entity !== "metric" || (key.type === "number" && key.kind !== "description") || key.kind === "scalar";

/**
 * Return the columns whose name contains a text. The server is asked for keys that begin with it if there are more
 * than the page has read.
 * @param {string} experiment
 * @param {Key[]} known
 * @param {boolean} all whether `known` are all keys
 * @param {string} text
 */
export async function findColumns(experiment, known, all, text) {
  let keys = known;
  const plain = text.trim().replace(/^(metrics|params|tags|properties)\./, "");
  if (!all && plain) {
    keys = [...known, ...(await allKeys(experiment))];
  }
  const wanted = text.trim().toLowerCase();
  /** @type {import("../parts/columns.js").Choice[]} */
  const found = ATTRIBUTES.map((id) => ({ id, title: TITLES[id] || id, about: "run", statistics: false }));
  const seen = new Set(ATTRIBUTES);
  for (const key of keys) {
    const id = key.entity === "metric" && key.type === "text" ? `tags.${key.key}` : columnOfKey(key);
    if (seen.has(id) || !isColumn(key)) continue;
    seen.add(id);
    const title = id.slice(id.indexOf(".") + 1);
    found.push({ id, title, about: `${key.entity}, ${plural(key.runs, "run")}`, statistics: key.entity === "metric" && key.type === "number" });
  }
  const plainly = found.filter((choice) => !wanted || choice.id.toLowerCase().includes(wanted) || choice.title.toLowerCase().includes(wanted));
  return [...plainly, ...withStatistic(found, wanted)];
}

/**
 * Return the columns of a statistic: `loss:m` finds the least and the greatest value, `loss:@100` the value at a step.
 * @param {import("../parts/columns.js").Choice[]} found
 * @param {string} wanted
 */
function withStatistic(found, wanted) {
  const colon = wanted.lastIndexOf(":");
  if (colon < 0) return [];
  const [name, statistic] = [wanted.slice(0, colon), wanted.slice(colon + 1)];
  const fit = STATISTICS.filter((one) => one !== "last" && one.startsWith(statistic));
  if (/^@?-?\d+$/.test(statistic)) fit.push(`@${statistic.replace("@", "")}`);
  return found.filter((choice) => choice.statistics && choice.id.toLowerCase().includes(name)).flatMap(({ id, title, about }) =>
    fit.map((one) => ({ id: columnName({ entity: "metric", key: columnParts(id).key, statistic: one }), title: `${title}:${one}`, about, statistics: false })));
}

const MOST_KEYS = 20_000;
const KEPT_MS = 20_000;
/** @type {{ experiment: string, until: number, keys: Promise<Key[]> } | null} the keys of the experiment with very many */
let asked = null;

/**
 * Return all keys of an experiment, so that a part of a name finds a key. They are asked for once in a while.
 * @param {string} experiment
 */
function allKeys(experiment) {
  if (asked?.experiment !== experiment || asked.until < Date.now()) {
    const keys = getKeys(experiment, { limit: MOST_KEYS }).then((answer) => answer.keys);
    keys.catch(() => (asked = null));
    asked = { experiment, until: Date.now() + KEPT_MS, keys };
  }
  return asked.keys;
}

/**
 * Return what can be written at a place of the filter.
 * @param {string} experiment
 * @param {Key[]} known
 * @param {boolean} all
 * @param {import("../lib/filter.js").Completion} wanted
 * @returns {Promise<import("../parts/filter_box.js").Option[]>}
 */
export async function completions(experiment, known, all, wanted) {
  const typed = wanted.typed.toLowerCase();
  const key = known.find((candidate) => columnOfKey(candidate) === wanted.key);
  if (wanted.want === "join") return [{ text: "and" }].filter((option) => option.text.startsWith(typed));
  if (wanted.want === "comparator") {
    const isNumber = key ? key.entity === "metric" && key.type === "number" : /time|duration|number|created/.test(wanted.key);
    const fit = key || !wanted.key.includes(".") ? comparators(wanted.key, isNumber) : OPERATORS;
    return fit.filter((text) => text.toLowerCase().startsWith(typed)).map((text) => ({ text }));
  }
  if (wanted.want === "value") {
    if (wanted.key === "status") return ["Running", "Completed", "Failed", "Canceled", "NotStarted", "Queued"].filter((text) => text.toLowerCase().startsWith(typed)).map((text) => ({ text }));
    const words = key ? key.words.filter(([text]) => !hasBothQuotes(text)).sort((one, other) => other[1] - one[1]) : []; // the values of most runs first
    const hint = key && key.entity === "metric" && key.minimum !== null ? [{ text: String(key.minimum), hint: "least" }, { text: String(key.maximum), hint: "greatest" }] : [];
    return [...words.map(([text, count]) => ({ text, hint: plural(count, "run") })), ...hint].filter((option) => option.text.toLowerCase().includes(typed));
  }
  const found = await findColumns(experiment, known, all, wanted.typed);
  const starts = (/** @type {{ id: string }} */ choice) => Number(!choice.id.toLowerCase().startsWith(typed));
  return found.sort((one, other) => starts(one) - starts(other)).map((choice) => ({ text: choice.id, hint: choice.about, key: keyText(choice.id) }));
}
