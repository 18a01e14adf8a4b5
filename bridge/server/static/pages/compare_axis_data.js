/** The axes of parallel coordinates: of the compared runs, or of all runs of an experiment that match the filter. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useMemo } from "preact/hooks";
import { getKeys, getTable } from "../data/api.js";
import { numberAxis, wordAxis } from "../lib/axes.js";
import { clausesOf, withClauses } from "../lib/brush.js";
import { rowsOf, sweepColumns } from "../lib/compare.js";
import { parseList, printList } from "../lib/state.js";
import { Problem } from "../parts/problem.js";
import { FilterLine } from "./compare_filter.js";
import { Sweep } from "./compare_sweep.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */
/** @typedef {import("../lib/brush.js").Ranges} Ranges */
/** @typedef {import("@preact/signals").ReadonlySignal<import("../lib/state.js").State>} StateSignal */
/** @typedef {import("../shell.js").Shell} Shell */

const MOST_RUNS = 50_000;

/** @param {string} name */
const labelOf = (name) => name.slice(name.indexOf(".") + 1);

/** The compared runs. @param {{ runs: import("./compare_data.js").Run[], state: StateSignal, shell: Shell }} props */
export function RunsSweep({ runs, state, shell }) {
  const ranges = useSignal(/** @type {Ranges} */ ({}));
  const { axes: chosen, log } = state.value.other;
  const logs = parseList(log ?? "");
  const [sweep, keys] = useMemo(() => {
    const rows = rowsOf(runs).filter(({ kind }) => kind === "param" || kind === "metric");
    const keys = rows.map((row) => keyOf(row, runs.length));
    const names = chosen ? parseList(chosen) : sweepColumns(keys);
    const axes = names.flatMap((name) => {
      const row = rows.find((one) => `${one.kind}s.${one.key}` === name);
      return row ? [axisOfRow(name, row.values, logs.includes(name))] : [];
    });
    return [{ ids: runs.map((run) => run.id), names: runs.map((run) => run.name), numbers: runs.map((run) => run.number), axes }, keys];
  }, [runs, chosen, log]);
  /** @param {string} key @param {[number, number] | null} range */
  const onRange = (key, range) => (ranges.value = changed(ranges.value, key, range));
  return html`<${Sweep} ...${{ sweep, keys, logs, onRange, state, shell }} ranges=${ranges.value} unwritten=${[]} experiment="" />`;
}

/**
 * All runs of an experiment that match the filter. In the address, `brush` has the ranges, and `from` has the filter
 * without them.
 *
 * @param {{ experiment: string, state: StateSignal, shell: Shell }} props
 */
export function EverySweep({ experiment, state, shell }) {
  const keys = useSignal(/** @type {import("../data/api.js").Key[]} */ ([]));
  const table = useSignal(/** @type {Awaited<ReturnType<typeof getTable>> | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const { q, other } = state.value;
  const from = other.brush && q.startsWith(other.from ?? "") ? (other.from ?? "") : q;
  const ranges = useMemo(() => (from === q && !other.brush ? {} : rangesOf(other.brush)), [other.brush, from === q]);
  const logs = parseList(other.log ?? "");
  const names = other.axes ? parseList(other.axes) : sweepColumns(keys.value);

  useEffect(() => {
    getKeys(experiment, { limit: 5000 }).then((found) => (keys.value = found.keys), (problem) => (error.value = problem));
  }, [experiment]);
  useEffect(() => {
    if (!names.length) return undefined;
    const abort = new AbortController();
    getTable(experiment, { q: from, cols: ["name", ...names], limit: MOST_RUNS, signal: abort.signal }).then(
      (found) => {
        table.value = found;
        error.value = null;
      },
      (problem) => {
        if (problem.name !== "AbortError") error.value = problem;
      },
    );
    return () => abort.abort();
  }, [experiment, from, names.join("\n")]);

  const sweep = useMemo(() => (table.value ? sweepOf(table.value, names, logs) : null), [table.value, other.log, names.join("\n")]);
  const clauses = useMemo(() => Object.entries(ranges).map(([key, range]) => {
    const axis = sweep?.axes.find((one) => one.key === key);
    return { key, clauses: axis ? clausesOf(axis, range) : null };
  }), [ranges, sweep]);

  /** @param {string} key @param {[number, number] | null} range */
  const onRange = (key, range) => {
    const next = changed(ranges, key, range);
    const written = Object.entries(next).flatMap(([name, one]) => {
      const axis = sweep?.axes.find((other) => other.key === name);
      return (axis && clausesOf(axis, one)) ?? [];
    });
    const brush = printList(Object.entries(next).map(([name, [low, high]]) => `${name}:${low.toPrecision(6)}..${high.toPrecision(6)}`));
    shell.change({ q: withClauses(from, written), other: { ...state.value.other, brush, from: brush ? from : "" } });
  };
  /** @param {string} text */
  const onFilter = (text) => shell.change({ q: text, other: { ...state.value.other, brush: "", from: "" } });
  const unwritten = sweep ? clauses.filter((one) => one.clauses === null).map((one) => labelOf(one.key)) : [];
  return html`<${FilterLine} q=${q} total=${table.value?.total ?? null} onFilter=${onFilter} />
    ${error.value ? html`<${Problem} error=${error.value} />` : null}
    ${sweep ? html`<${Sweep} ...${{ sweep, ranges, onRange, unwritten, logs, experiment, state, shell }} keys=${keys.value} />` : null}`;
}

/** @param {Awaited<ReturnType<typeof getTable>>} table @param {string[]} names @param {string[]} logs */
function sweepOf({ ids, numbers, columns }, names, logs) {
  const name = columns.name;
  const axes = names.flatMap((key) => {
    const column = columns[key];
    if (!column) return [];
    const options = logs.includes(key) ? { log: !axisOf(column, key, {}).log } : {};
    return [axisOf(column, key, options)];
  });
  return { ids, numbers, axes, names: ids.map((id, row) => name.words?.[name.values[row]] ?? id) };
}

/** @param {import("../data/table.js").TableColumn} column @param {string} key @param {{ log?: boolean }} options */
const axisOf = ({ kind, values, words, present }, key, options) =>
  kind === "text"
    ? wordAxis(key, labelOf(key), /** @type {Uint32Array} */ (values), words ?? [], present, options)
    : numberAxis(key, labelOf(key), /** @type {Float64Array} */ (values), options);

/** @param {string} name @param {(string | number | null)[]} values @param {boolean} isChanged */
function axisOfRow(name, values, isChanged) {
  const make = (/** @type {{ log?: boolean }} */ options) => {
    if (name.startsWith("metrics.")) return numberAxis(name, labelOf(name), Float64Array.from(values, (value) => (value === null ? NaN : Number(value))), options);
    const words = [...new Set(values)].map((value) => (value === null ? null : String(value)));
    return wordAxis(name, labelOf(name), Uint32Array.from(values, (value) => words.indexOf(value === null ? null : String(value))), words, null, options);
  };
  const axis = make({});
  return isChanged ? make({ log: !axis.log }) : axis;
}

/** @param {import("../lib/compare.js").ComparedRow} row @param {number} runs @returns {import("../data/api.js").Key} */
function keyOf({ kind, key, values }, runs) {
  const numbers = values.filter((value) => typeof value === "number" && !Number.isNaN(value)).map(Number);
  const words = [...new Set(values)].map((value) => /** @type {[string, number]} */ ([String(value), 1]));
  const isMetric = kind === "metric";
  return {
    entity: isMetric ? "metric" : "param", key, column: "", kind: isMetric ? "scalar" : "", type: isMetric ? "number" : "text", runs,
    minimum: numbers.length ? Math.min(...numbers) : null, maximum: numbers.length ? Math.max(...numbers) : null, words,
  }; // prettier-ignore
}

/** @param {Ranges} ranges @param {string} key the empty text for all @param {[number, number] | null} range @returns {Ranges} */
function changed(ranges, key, range) {
  const { [key]: _, ...rest } = ranges;
  if (range) return { ...rest, [key]: range };
  return key ? rest : {};
}

/** @param {string | undefined} text @returns {Ranges} */
function rangesOf(text) {
  /** @type {Ranges} */
  const ranges = {};
  for (const part of parseList(text ?? "")) {
    const found = /^(.*):([^:]+)\.\.([^:]+)$/.exec(part);
    if (!found) continue;
    const [low, high] = [Number(found[2]), Number(found[3])];
    if (low <= high) ranges[found[1]] = [low, high];
  }
  return ranges;
}
