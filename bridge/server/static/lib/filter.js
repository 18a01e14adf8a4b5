/**
 * The words of a filter, for its colours and for completion. Only the server decides whether a filter is valid.
 *
 * Source of the words: `bridge/records/search_tokens.py`.
 */

import { columnParts } from "./column.js";

/** @typedef {"key" | "text" | "number" | "comparator" | "keyword" | "mark" | "other"} Kind */
/** @typedef {{ kind: Kind, text: string, start: number, end: number }} Token */

const WORD = "[\\p{L}\\p{N}_]";
const QUOTED = "`(?:``|[^`])*(?:`|$)|\"(?:\"\"|[^\"])*(?:\"|$)";
const TEXT = "'(?:''|[^'])*(?:'|$)";
const NAME = `(?:${QUOTED}|${WORD}+)(?:\\.(?:${QUOTED}|${TEXT}|${WORD}+)?)*`;
const TOKEN = new RegExp(
  [
    "(?<space>\\s+)",
    `(?<number>-?(?:\\d+\\.?\\d*|\\.\\d+)(?:e[+-]?\\d+)?(?!${WORD}))`,
    `(?<text>${TEXT})`,
    `(?<comparator>(?:not\\s+)?(?:i?like|in)(?!${WORD})|is(?:\\s+not)?\\s+null(?!${WORD})|[<>=!]+)`,
    `(?<keyword>(?:and|is|not|null)(?!${WORD}))`,
    `(?<key>${NAME})`,
    "(?<mark>[(),])",
    "(?<other>[^])",
  ].join("|"),
  "giu",
);

/** Return the words of a filter in order, without white space. @param {string} text @returns {Token[]} */
export function tokens(text) {
  /** @type {Token[]} */
  const found = [];
  for (const match of text.matchAll(TOKEN)) {
    const [kind] = Object.entries(match.groups ?? {}).find(([, part]) => part !== undefined) ?? ["other"];
    if (kind === "space") continue;
    const start = match.index;
    // A text in double quotes after a comparator is a value.
    const isValue = kind === "key" && match[0].startsWith('"') && isComparator(found.at(-1));
    found.push({ kind: isValue ? "text" : /** @type {Kind} */ (kind), text: match[0], start, end: start + match[0].length });
  }
  return found;
}

/** @param {Token | undefined} token */
const isComparator = (token) => token?.kind === "comparator" && !/null$/i.test(token.text);

/**
 * What can be written at a place of a filter.
 *
 * @typedef {object} Completion
 * @property {"key" | "comparator" | "value" | "join"} want
 * @property {number} start Where the text that is replaced starts.
 * @property {number} end
 * @property {string} typed What has been typed of it, without quotes.
 * @property {string} key The key of the clause, as a column's name.
 */

/**
 * Return what can be written at a place of a filter.
 *
 * @param {string} text
 * @param {number} caret
 * @returns {Completion}
 */
export function completionAt(text, caret) {
  const before = tokens(text).filter((token) => token.start < caret);
  const last = before.at(-1);
  const isWhole = last?.kind === "comparator" && last.end <= caret && /^[!<>]?=$/.test(last.text);
  const open = last && !isWhole && (last.end >= caret || !isClosed(last)) ? last : undefined;
  const done = open && open.kind !== "mark" ? before.slice(0, -1) : before;
  const at = done.findLastIndex((token) => token.kind === "keyword" && /^and$/i.test(token.text));
  const clause = done.slice(at + 1);
  const key = columnOf(clause[0]?.text ?? "");
  const wanted = wantedAfter(clause);
  const typed = open && open.kind !== "mark" && open.kind !== "comparator" ? text.slice(open.start, caret) : "";
  if (open?.kind === "comparator" && wanted === "comparator")
    return { want: "comparator", start: open.start, end: open.end, typed: text.slice(open.start, caret), key };
  return {
    want: wanted,
    start: typed && open ? open.start : caret,
    end: typed && open ? Math.max(caret, open.end) : caret,
    typed: wanted === "key" ? typed.replaceAll("`", "") : typed.replace(/^['"]|['"]$/g, ""),
    key,
  };
}

/** @param {Token[]} clause @returns {Completion["want"]} */
function wantedAfter(clause) {
  if (!clause.length) return "key";
  if (clause.length === 1) return "comparator";
  const last = clause[clause.length - 1];
  const inList = clause.filter((token) => token.text === "(").length > clause.filter((token) => token.text === ")").length;
  if (inList) return last.text === "(" || last.text === "," ? "value" : "join";
  return isComparator(last) ? "value" : "join";
}

/** @param {Token} token */
function isClosed({ kind, text }) {
  if (kind === "text") return text.length > 1 && text.endsWith(text[0]);
  return (text.match(/`/g) ?? []).length % 2 === 0;
}

/** Return a key of a filter as a column's name: without quotes, and with the entity in the plural. @param {string} text */
export function columnOf(text) {
  const plain = text.replace(/(^|\.)(?:`((?:``|[^`])*)`?|"((?:""|[^"])*)"?)/g, (_, dot, one, two) => dot + (one ?? two ?? ""));
  return plain.replace(/^(?:metric|param|tag|attribute)\./i, (word) => `${word.slice(0, -1)}s.`).replace(/^(?:attributes|attr|run)\./i, "");
}

/** @type {Record<string, string>} The names of attributes in filters, where they differ from those of columns. */
const ATTRIBUTES = { name: "run_name", display_name: "run_name", user: "user_id", id: "run_id" };
const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
const RESERVED = /(?:^|\.)(?:case|in|values|using|from|as|and|is|not|null|like|ilike)(?:\.|$)/i;

/** Return the text of a column in a filter, with quotes if its name needs them. @param {string} name */
export function keyText(name) {
  const { entity, key } = columnParts(name);
  const plain = PLAIN_KEY.test(key) && !RESERVED.test(key);
  if (entity === "attribute") return ATTRIBUTES[key] ?? key;
  const prefix = entity === "property" ? "tags" : name.slice(0, name.indexOf("."));
  return `${prefix}.${plain ? key : key.includes("`") ? `"${key}"` : `\`${key}\``}`;
}

/** Return a value in quotes. The grammar has no escape, so a value with `'` stands in double quotes. @param {string} value */
const valueText = (value) => (value.includes("'") ? `"${value}"` : `'${value}'`);

const NUMBERS = /^metrics\.|^(?:attributes\.)?(?:.*_time|duration|number|created)$/;

/** Return a value that a filter compares with a column: in quotes, unless both are numbers. @param {string} name @param {string} text */
export const literal = (name, text) =>
  NUMBERS.test(name) && text.trim() && Number.isFinite(Number(text)) ? text.replace("e+", "e") : valueText(text);

/** Whether no text in a filter can be equal to a value, because the value has both kinds of quotes. @param {string} value */
export const hasBothQuotes = (value) => value.includes("'") && value.includes('"');

/**
 * Return a clause that compares a column with a value.
 *
 * A text with both kinds of quotes is compared with two patterns, in which `_` stands for the quotes of one kind.
 *
 * @param {string} name The name of the column.
 * @param {string} comparator
 * @param {string | number} value
 */
export const clauseText = (name, comparator, value) => {
  if (typeof value === "number") return `${keyText(name)} ${comparator} ${String(value).replace("e+", "e")}`;
  if (comparator !== "=" || !hasBothQuotes(value)) return `${keyText(name)} ${comparator} ${valueText(value)}`;
  return [value.replaceAll("'", "_"), value.replaceAll('"', "_")].map((like) => `${keyText(name)} LIKE ${valueText(like)}`).join(" and ");
};

/** Return the clauses of a filter, as texts. @param {string} text */
export function clauses(text) {
  const parts = [];
  let start = 0;
  let depth = 0;
  for (const token of tokens(text)) {
    if (token.text === "(") depth += 1;
    if (token.text === ")") depth -= 1;
    if (depth > 0 || token.kind !== "keyword" || !/^and$/i.test(token.text)) continue;
    parts.push(text.slice(start, token.start));
    start = token.end;
  }
  parts.push(text.slice(start));
  return parts.map((part) => part.trim()).filter(Boolean);
}

/** Return a filter with another clause. A clause that it already contains is not repeated. @param {string} text @param {string} clause */
export function addClause(text, clause) {
  const known = clauses(text);
  return known.includes(clause) ? text : [...known, clause].join(" and ");
}

/** Return the comparators that fit a column. @param {string} name @param {boolean} isNumber */
export function comparators(name, isNumber) {
  if (isNumber) return ["<", "<=", ">", ">=", "=", "!="];
  const { entity, key } = columnParts(name);
  if (entity !== "attribute") return ["=", "!=", "LIKE", "ILIKE", "IS NULL", "IS NOT NULL"];
  return ["=", "!=", "LIKE", "ILIKE", ...(key === "run_id" ? ["IN", "NOT IN"] : [])];
}

/** Return the place in a JavaScript text of a place that the server counted in characters. @param {string} text @param {number} characters */
export const placeIn = (text, characters) => [...text].slice(0, characters).join("").length;
