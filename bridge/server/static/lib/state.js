/** The state of a view and its text in the address: one grammar for all pages. */

import { printAddress, wellFormed } from "./text.js";

/** @typedef {{ column: string, descending: boolean }} Sort */
/** @typedef {{ kind: "top", count: number } | { kind: "ids", ids: string[] } | { kind: "all" }} Shown */

/**
 * Everything that a user chose on a page. A key that is absent in the address has its default.
 *
 * `cols` is null for the columns that the page chooses. `range` is null for the whole range of x.
 * `other` contains the keys that only one page knows, by name.
 *
 * @typedef {object} State
 * @property {string} q The filter, in the store's grammar.
 * @property {Sort[]} sort The order of the runs.
 * @property {string[] | null} cols The names of the table's columns, for example `metrics.val/loss:min`.
 * @property {number} pin How many columns stay at the left.
 * @property {string[]} group The columns by which runs are grouped.
 * @property {"mean" | "median" | "min" | "max" | "best"} agg The line of a group.
 * @property {"std" | "minmax" | "quartiles" | "none"} band The band of a group.
 * @property {Shown} show The runs in the charts.
 * @property {string[]} hide The ids of the runs that are hidden in the charts.
 * @property {string[]} pinned The ids of the runs that stay at the top.
 * @property {string} base The id of the baseline.
 * @property {string[]} runs The ids of the compared runs.
 * @property {string} x The horizontal axis: `step`, `time`, `relative` or `metric:<key>`.
 * @property {number} smooth The smoothing, from 0 to 0.999.
 * @property {"ema" | "gauss" | "mean"} kind The kind of smoothing.
 * @property {"linear" | "log"} y The vertical scale.
 * @property {[number, number] | null} range The zoom of x.
 * @property {string} charts The layout of the charts.
 * @property {string} view The name of a saved view.
 * @property {"" | "light" | "dark"} theme The theme; the empty text is the system's.
 * @property {Record<string, string>} other
 */

/**
 * @template T
 * @typedef {{ parse: (text: string) => T | undefined, print: (value: T) => string }} Form
 */

/** Join names by commas: `\,` is a comma in a name, and `\\` a backslash. @param {readonly string[]} names */
export const printList = (names) =>
  names
    .filter(Boolean)
    .map((name) => name.replace(/[\\,]/g, "\\$&"))
    .join(",");

/** Return the names that `printList` joined. @param {string} text */
export const parseList = (text) =>
  (text.match(/(?:[^\\,]|\\[^])+/g) ?? []).map((part) => part.replace(/\\([^])/g, "$1"));

/** @type {Form<string>} */
const words = { parse: (text) => text, print: (value) => value };

/** @type {Form<string[]>} */
const list = { parse: parseList, print: printList };

/**
 * @template {string} T
 * @param {readonly T[]} choices
 * @returns {Form<T>}
 */
const oneOf = (...choices) => ({
  parse: (text) => choices.find((choice) => choice === text),
  print: (value) => value,
});

/**
 * @param {number} low
 * @param {number} high
 * @returns {Form<number>}
 */
const between = (low, high) => ({
  parse: (text) => {
    const value = Number(text);
    return text.trim() && Number.isFinite(value) ? Math.min(high, Math.max(low, value)) + 0 : undefined;
  },
  print: String,
});

/** @type {Form<Sort[]>} */
const sorts = {
  parse: (text) =>
    parseList(text)
      .map((item) => ({ column: item.replace(/^-/, ""), descending: item.startsWith("-") }))
      .filter((sort) => sort.column && !sort.column.startsWith("-")),
  print: (items) => printList(items.map((sort) => (sort.descending ? "-" : "") + sort.column)),
};

/** @type {Form<string[] | null>} */
const columns = {
  parse: (text) => (text ? parseList(text) : null),
  print: (names) => (names ? printList(names) : ""),
};

/** @type {Form<Shown>} */
const shown = {
  parse: (text) => {
    if (text === "all") return { kind: "all" };
    if (text.startsWith("ids:")) return { kind: "ids", ids: parseList(text.slice(4)) };
    const top = /^top:0*(\d{1,6})$/.exec(text);
    return top ? { kind: "top", count: Number(top[1]) } : undefined;
  },
  print: (value) =>
    value.kind === "all" ? "all" : value.kind === "top" ? `top:${value.count}` : `ids:${printList(value.ids)}`,
};

/** @type {Form<[number, number] | null>} */
const range = {
  parse: (text) => {
    if (!text) return null;
    const [low, high, ...rest] = text.split("..").map((end) => (end.trim() ? Number(end) : NaN));
    return !rest.length && Number.isFinite(low) && Number.isFinite(high) && low < high ? [low + 0, high + 0] : undefined;
  },
  print: (value) => (value ? `${value[0]}..${value[1]}` : ""),
};

/** @type {Form<string>} */
const axis = {
  parse: (text) => (/^(step|time|relative|metric:[^]+)$/.test(text) ? text : undefined),
  print: (value) => value,
};

/** @type {{ [K in Exclude<keyof State, "other">]: Form<State[K]> }} */
const FORMS = {
  q: words,
  sort: sorts,
  cols: columns,
  pin: between(0, 99),
  group: list,
  agg: oneOf("mean", "median", "min", "max", "best"),
  band: oneOf("std", "minmax", "quartiles", "none"),
  show: shown,
  hide: list,
  pinned: list,
  base: words,
  runs: list,
  x: axis,
  smooth: between(0, 0.999),
  kind: oneOf("ema", "gauss", "mean"),
  y: oneOf("linear", "log"),
  range,
  charts: words,
  view: words,
  theme: oneOf("", "light", "dark"),
};

/** @type {State} */
const NOTHING_CHOSEN = {
  q: "", sort: [], cols: null, pin: 1, group: [], agg: "mean", band: "std", show: { kind: "top", count: 50 },
  hide: [], pinned: [], base: "", runs: [], x: "step", smooth: 0, kind: "ema", y: "linear", range: null, charts: "",
  view: "", theme: "", other: {},
}; // prettier-ignore

/** @type {Readonly<State>} */
export const DEFAULT = Object.freeze(NOTHING_CHOSEN);

/**
 * Return the state that an address describes. Values that are not valid are ignored.
 *
 * @param {string} search The part of the address behind `?`, with or without it.
 * @param {Readonly<State>} base The state of keys that are absent, for example a saved view's.
 * @returns {State}
 */
export function parse(search, base = DEFAULT) {
  /** @type {any} */
  const state = { ...base, other: { ...base.other } };
  for (const [key, text] of new URLSearchParams(search)) {
    if (Object.hasOwn(FORMS, key)) {
      const value = FORMS[/** @type {keyof typeof FORMS} */ (key)].parse(text);
      if (value !== undefined) state[key] = value;
    } else if (/^[a-z][a-z0-9_-]*$/.test(key)) state.other[key] = text;
  }
  return state;
}

/**
 * Return the text of a state for the address, without `?`. Keys are sorted, and keys with their base value are absent.
 *
 * @param {Readonly<State>} state
 * @param {Readonly<State>} base
 */
export function print(state, base = DEFAULT) {
  /** @type {[string, string][]} */
  const pairs = [];
  for (const [key, form] of /** @type {[keyof typeof FORMS, Form<any>][]} */ (Object.entries(FORMS))) {
    if (state[key] === base[key]) continue; // a table prints an address for each row
    const text = wellFormed(form.print(state[key]));
    if (text !== form.print(base[key])) pairs.push([key, text]);
  }
  for (const key of state.other === base.other ? [] : new Set([...Object.keys(state.other), ...Object.keys(base.other)])) {
    const text = wellFormed(state.other[key] ?? "");
    if (text !== (base.other[key] ?? "")) pairs.push([key, text]);
  }
  pairs.sort(([one], [two]) => (one < two ? -1 : 1));
  return pairs.map(([key, text]) => `${key}=${printAddress(text)}`).join("&");
}
