/** The order of runs in a table, equal to the store's. */

import { compareCodePoints } from "./text.js";

/**
 * A key of an order. Texts are codes and their words; a word that is null counts as missing. Numbers that are NaN come
 * after all others if they are `present`, and otherwise they are missing. Without `present`, NaN means missing.
 *
 * @typedef {object} OrderKey
 * @property {ArrayLike<number>} values The numbers, or the codes of texts.
 * @property {readonly (string | null)[]} [words] The texts by code.
 * @property {ArrayLike<number>} [present] 1 for each row that has a value.
 * @property {boolean} [descending]
 */

const [NOT_A_NUMBER, MISSING] = [1, 2];

/** Return the place of each word among all words, by code point. @param {readonly (string | null)[]} words */
function wordRanks(words) {
  const sorted = [...words.keys()].filter((code) => words[code] !== null);
  sorted.sort((one, two) => compareCodePoints(/** @type {string} */ (words[one]), /** @type {string} */ (words[two])));
  const ranks = new Float64Array(words.length).fill(NaN);
  sorted.forEach((code, rank) => (ranks[code] = rank));
  return ranks;
}

/**
 * Return for each row a class, by which values come before NaN and NaN before nothing, and a rank within the class.
 *
 * @param {OrderKey} key
 * @param {number} count
 */
function ranksOf({ values, words, present, descending = false }, count) {
  const classes = new Uint8Array(count);
  const ranks = new Float64Array(count);
  const byCode = words && wordRanks(words);
  for (let row = 0; row < count; row += 1) {
    const rank = byCode ? byCode[values[row]] : values[row];
    if (present && !present[row]) classes[row] = MISSING;
    else if (Number.isNaN(rank)) classes[row] = present && !byCode ? NOT_A_NUMBER : MISSING;
    // The store compares ±inf as the greatest numbers.
    else ranks[row] = (descending ? -1 : 1) * Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, rank));
  }
  return { classes, ranks };
}

/**
 * Return a list, or the one of before if it has the same entries, so that nothing that depends on it is made again.
 *
 * @template {ArrayLike<unknown>} List
 * @param {List | null} before
 * @param {List} now
 * @returns {List}
 */
export function kept(before, now) {
  if (!before || before.length !== now.length) return now;
  for (let at = 0; at < now.length; at += 1) if (before[at] !== now[at]) return now;
  return before;
}

/**
 * Return the rows of a table in order: by the keys, then as they are.
 *
 * Rows without a value come last and NaN before them, whether the order is ascending or descending. Texts are ordered
 * by code point. If the rows are ordered as the store orders runs without keys (start time, newest first, then run id),
 * or if these are the last keys, the result is the store's order.
 *
 * @param {number} count The number of rows.
 * @param {readonly OrderKey[]} keys
 * @returns {Uint32Array}
 */
export function order(count, keys) {
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row += 1) rows[row] = row;
  const ranked = keys.map((key) => ranksOf(key, count));
  const compare = (/** @type {number} */ one, /** @type {number} */ two) => {
    for (const { classes, ranks } of ranked) {
      const difference = classes[one] - classes[two] || ranks[one] - ranks[two];
      if (difference) return difference;
    }
    return one - two;
  };
  // The table arrives in the usual order, which needs no sort.
  let row = 1;
  while (row < count && compare(row - 1, row) < 0) row += 1;
  return row >= count ? rows : rows.sort(compare);
}
