/** Groups of rows that have the same values in some columns, and the distribution of a column in a group. */

/**
 * A column by which rows are grouped: numbers, or codes with their words.
 *
 * @typedef {{ values: ArrayLike<number>, words?: readonly (string | null)[] }} GroupColumn
 */

/**
 * @typedef {object} Group
 * @property {string} key A text that distinguishes the group.
 * @property {(string | number | null)[]} values The values that its rows share; null stands for none.
 * @property {number[]} rows The rows in their order.
 */

/** @param {GroupColumn} column @param {number} row @returns {string | number | null} */
function valueAt({ values, words }, row) {
  if (words) return words[values[row]] ?? null;
  return Number.isNaN(values[row]) ? null : values[row] + 0;
}

/**
 * Return the groups of rows, in the order of their first rows.
 *
 * @param {ArrayLike<number>} rows
 * @param {readonly GroupColumn[]} columns
 * @returns {Group[]}
 */
export function groupRows(rows, columns) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  for (let at = 0; at < rows.length; at += 1) {
    const values = columns.map((column) => valueAt(column, rows[at]));
    const key = JSON.stringify(values.map((value) => (typeof value === "number" ? [String(value)] : value)));
    const group = groups.get(key);
    if (group) group.rows.push(rows[at]);
    else groups.set(key, { key, values, rows: [rows[at]] });
  }
  return [...groups.values()];
}

/**
 * Return at most `most` ids, of each group the first ones and about the same number, or all.
 *
 * @param {Readonly<Record<string, string>>} groups The name of a group for each id, in the order of the ids.
 * @param {number} most
 * @returns {string[]} The ids in their order.
 */
export function fairShare(groups, most) {
  const ids = Object.keys(groups);
  if (ids.length <= most) return ids;
  /** @type {Map<string, string[]>} */
  const members = new Map();
  for (const id of ids) {
    const list = members.get(groups[id]);
    if (list) list.push(id);
    else members.set(groups[id], [id]);
  }
  const chosen = new Set();
  for (let turn = 0; chosen.size < most; turn += 1)
    for (const list of members.values()) if (turn < list.length && chosen.size < most) chosen.add(list[turn]);
  return ids.filter((id) => chosen.has(id));
}

/**
 * The distribution of numbers. NaN is skipped.
 *
 * @typedef {object} Spread
 * @property {number} count
 * @property {number} mean NaN for no number, and so are the others.
 * @property {number} deviation The sample standard deviation; NaN for fewer than two numbers.
 * @property {number} minimum
 * @property {number} lower The first quartile.
 * @property {number} median
 * @property {number} upper The third quartile.
 * @property {number} maximum
 */

/** @param {Float64Array} sorted @param {number} share */
function quantile(sorted, share) {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const [low, high] = [sorted[below], sorted[Math.min(below + 1, sorted.length - 1)]];
  return low === high ? low : low + (high - low) * (place - below);
}

/**
 * Return the distribution of a column in some rows.
 *
 * @param {ArrayLike<number>} values
 * @param {ArrayLike<number>} [rows] All rows if absent.
 * @returns {Spread}
 */
export function spread(values, rows) {
  const count = (rows ?? values).length;
  const sorted = new Float64Array(count);
  let [found, sum] = [0, 0];
  for (let at = 0; at < count; at += 1) {
    const value = values[rows ? rows[at] : at];
    if (Number.isNaN(value)) continue;
    sorted[found++] = value;
    sum += value;
  }
  const numbers = sorted.subarray(0, found).sort();
  if (!found)
    return { count: 0, mean: NaN, deviation: NaN, minimum: NaN, lower: NaN, median: NaN, upper: NaN, maximum: NaN };
  const mean = sum / found;
  let squares = 0;
  for (const value of numbers) squares += (value - mean) ** 2;
  return {
    count: found,
    mean,
    deviation: found > 1 ? Math.sqrt(squares / (found - 1)) : NaN,
    minimum: numbers[0],
    lower: quantile(numbers, 0.25),
    median: quantile(numbers, 0.5),
    upper: quantile(numbers, 0.75),
    maximum: numbers[found - 1],
  };
}
