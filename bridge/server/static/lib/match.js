/** Finding items by parts of their texts. */

/** @typedef {[start: number, end: number]} Mark */

/**
 * @template T
 * @typedef {{ item: T, marks: Mark[], score: number }} Found
 */

/**
 * Return where each word of a text is found in another text, or null if one is missing.
 *
 * @param {string} text The text in lower case.
 * @param {readonly string[]} words The words in lower case.
 * @returns {Mark[] | null}
 */
function marksOf(text, words) {
  /** @type {Mark[]} */
  const marks = [];
  for (const word of words) {
    const start = text.indexOf(word);
    if (start < 0) return null;
    marks.push([start, start + word.length]);
  }
  return marks;
}

/** @param {string} text @param {Mark[]} marks */
function scoreOf(text, marks) {
  let score = text.length / 1000;
  for (const [start] of marks) score += start === 0 ? 0 : /[\p{L}\p{N}]/u.test(text[start - 1]) ? 2 : 1;
  return score;
}

/**
 * Return the items whose text contains every word, the best first: words at the start of the text, then at the start of
 * a part, then shorter texts. Upper and lower case are equal. Without words, all items are returned in their order.
 *
 * @template T
 * @param {readonly T[]} items
 * @param {string} wanted
 * @param {(item: T) => string} textOf
 * @returns {Found<T>[]}
 */
export function find(items, wanted, textOf) {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return items.map((item) => ({ item, marks: [], score: 0 }));
  /** @type {Found<T>[]} */
  const found = [];
  for (const item of items) {
    const text = textOf(item).toLowerCase();
    const marks = marksOf(text, words);
    if (marks) found.push({ item, marks, score: scoreOf(text, marks) });
  }
  return found.sort((one, two) => one.score - two.score);
}

/**
 * Return the pieces of a text, of which every second one is marked.
 *
 * @param {string} text
 * @param {readonly Mark[]} marks
 * @returns {string[]}
 */
export function pieces(text, marks) {
  const parts = [];
  let end = 0;
  for (const [from, to] of [...marks].sort((one, two) => one[0] - two[0])) {
    if (to <= end) continue;
    parts.push(text.slice(end, Math.max(end, from)), text.slice(Math.max(end, from), to));
    end = to;
  }
  return [...parts, text.slice(end)];
}
