/** Params and metrics of the compared runs, side by side. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { isLowerBetter } from "../lib/column.js";
import { bestOf, equalCounts } from "../lib/compare.js";
import { duration, exact, number, percent, plural, time } from "../lib/format.js";
import { Icon } from "../parts/icon.js";
import { Status } from "../parts/status.js";
import { RunLink } from "./compare_runs.js";

/** @typedef {import("../lib/compare.js").ComparedRun} ComparedRun */
/** @typedef {import("../lib/compare.js").ComparedRow} ComparedRow */

/** @type {Record<string, string>} */
const TITLES = { run: "Run", param: "Params", metric: "Latest metrics", tag: "Tags", fact: "Where it ran", package: "Packages", variable: "Environment variables" };
const MOST_CELLS = 6000;

/**
 * @param {object} props
 * @param {ComparedRun[]} props.runs
 * @param {ComparedRow[]} props.rows
 * @param {string} props.base the id of the baseline
 * @param {boolean} props.onlyDiffering
 * @param {boolean} props.isTurned whether each run is a row
 * @param {import("../shell.js").Shell} props.shell
 * @param {string} [props.label]
 */
export function CompareTable({ runs, rows, base, onlyDiffering, isTurned, shell, label = "Table of params and metrics" }) {
  const text = useSignal("");
  const flipped = useSignal(/** @type {ReadonlySet<string>} */ (new Set()));
  const limit = useSignal(0);
  const wanted = text.value.trim().toLowerCase();
  const all = rows.filter((row) => (!onlyDiffering || row.isDifferent) && (!wanted || row.key.toLowerCase().includes(wanted)));
  const most = Math.max(60, Math.floor(MOST_CELLS / runs.length)) + limit.value;
  const shown = all.slice(0, most);
  const at = runs.findIndex((run) => run.id === base);
  const isLow = (/** @type {string} */ key) => isLowerBetter(key) !== flipped.value.has(key);
  /** @param {string} key */
  const flip = (key) => {
    const next = new Set(flipped.value);
    if (!next.delete(key)) next.add(key);
    flipped.value = next;
  };
  const table = { runs, rows: shown, base: at, isLow, flip, shell };
  return html`
    ${rows.length > 40
      ? html`<input class="field compare-find" type="search" aria-label="Find a row" placeholder="Find a row" value=${text.value}
          onInput=${(/** @type {any} */ event) => (text.value = event.currentTarget.value)} />`
      : null}
    <div class="compare-scroll" tabindex="0" role="group" aria-label=${label}>
      ${isTurned ? html`<${Turned} ...${table} />` : html`<${Upright} ...${table} />`}
    </div>
    <p class="compare-foot soft">
      ${onlyDiffering && runs.length > 1 ? equalText(equalCounts(rows)) : ""}
      ${all.length > most ? html`<button class="button small" onClick=${() => (limit.value += 500)}>Show ${plural(Math.min(500, all.length - most), "more row")} of ${all.length}</button>` : null}
    </p>`;
}

/** @param {Record<string, number>} counts */
function equalText(counts) {
  const parts = ["param", "metric", "tag", "fact", "package", "variable"].flatMap((kind) => (counts[kind] ? plural(counts[kind], kind) : []));
  return parts.length ? `Equal in all runs: ${parts.join(", ")}.` : "";
}

/**
 * @typedef {object} TableProps
 * @property {ComparedRun[]} runs
 * @property {ComparedRow[]} rows
 * @property {number} base the place of the baseline, or -1
 * @property {(key: string) => boolean} isLow
 * @property {(key: string) => void} flip
 * @property {import("../shell.js").Shell} shell
 */

/** Runs as columns. @param {TableProps} props */
function Upright({ runs, rows, base, isLow, flip, shell }) {
  const kinds = [...new Set(rows.map((row) => row.kind))];
  return html`<table class="compare-table">
    <thead>
      <tr>
        <td></td>
        ${runs.map((run, at) => html`<th key=${run.id} scope="col"><${RunLink} run=${run} shell=${shell} isBase=${at === base} /></th>`)}
      </tr>
    </thead>
    ${kinds.map(
      (kind) => html`<tbody key=${kind}>
        <tr class="compare-kind"><th scope="rowgroup" colspan=${runs.length + 1}>${TITLES[kind]}</th></tr>
        ${rows.filter((row) => row.kind === kind).map((row) => {
          const best = row.kind === "metric" ? bestOf(row.values, isLow(row.key)) : null;
          return html`<tr key=${row.key}>
            <th scope="row"><${RowName} row=${row} isLow=${isLow(row.key)} flip=${flip} /></th>
            ${row.values.map((_, at) => html`<${Cell} key=${runs[at].id} ...${{ row, at, base, best }} isLow=${isLow(row.key)} />`)}
          </tr>`;
        })}
      </tbody>`,
    )}
  </table>`;
}

/** Runs as rows. @param {TableProps} props */
function Turned({ runs, rows, base, isLow, flip, shell }) {
  const bests = rows.map((row) => (row.kind === "metric" ? bestOf(row.values, isLow(row.key)) : null));
  return html`<table class="compare-table turned">
    <thead>
      <tr>
        <td></td>
        ${rows.map((row) => html`<th key=${`${row.kind} ${row.key}`} scope="col" class=${row.kind}><${RowName} row=${row} isLow=${isLow(row.key)} flip=${flip} /></th>`)}
      </tr>
    </thead>
    <tbody>
      ${runs.map(
        (run, at) => html`<tr key=${run.id}>
          <th scope="row"><${RunLink} run=${run} shell=${shell} isBase=${at === base} /></th>
          ${rows.map((row, place) => html`<${Cell} key=${`${row.kind} ${row.key}`} ...${{ row, at, base }} best=${bests[place]} isLow=${isLow(row.key)} />`)}
        </tr>`,
      )}
    </tbody>
  </table>`;
}

/** @param {{ row: ComparedRow, isLow: boolean, flip: (key: string) => void }} props */
function RowName({ row, isLow, flip }) {
  const name = html`<bdi class="cut" title=${row.key}>${row.key}</bdi>`;
  if (row.kind !== "metric") return name;
  const best = isLow ? "lowest" : "highest";
  return html`<span class="compare-name">${name}<button class="compare-flip" title=${`The ${best} is the best. Click to change it.`} aria-label=${`Best of ${row.key}: the ${best}`} onClick=${() => flip(row.key)}>
    <${Icon} name=${isLow ? "down" : "up"} /></button></span>`;
}

/**
 * @param {object} props
 * @param {ComparedRow} props.row
 * @param {number} props.at
 * @param {number} props.base
 * @param {Set<number> | null} props.best
 * @param {boolean} props.isLow
 */
function Cell({ row, at, base, best, isLow }) {
  const value = row.values[at];
  if (value === null) return html`<td class="none"><span aria-label="no value">–</span></td>`;
  if (row.kind === "run") return html`<td>${factOf(row.key, value)}</td>`;
  const standard = base >= 0 && base !== at ? row.values[base] : null;
  if (typeof value !== "number") {
    const differs = base >= 0 && base !== at && !Object.is(standard, value);
    return html`<td class=${differs ? "differs" : ""} title=${value}><bdi class="compare-text">${value}</bdi></td>`;
  }
  const isBest = best?.has(at) ?? false;
  const difference = typeof standard === "number" && standard !== value ? percent(value, standard) : "";
  const isGood = typeof standard === "number" && value < standard === isLow;
  return html`<td class=${`number ${isBest ? "best" : ""}`} title=${exact(value)}>${number(value)}${
    isBest ? html`<span class="compare-star" title="best"><span aria-hidden="true">★</span><span class="visually-hidden">best</span></span>` : null
  }${difference ? html`<span class=${`compare-change ${isGood ? "good" : "bad"}`}>${difference}</span>` : null}</td>`;
}

/** @param {string} key @param {string | number} value */
function factOf(key, value) {
  if (key === "status") return html`<${Status} status=${String(value)} />`;
  if (key === "started") return html`<span title=${time(Number(value), { seconds: true })}>${time(Number(value))}</span>`;
  if (key === "duration") return duration(Number(value));
  return html`<bdi>${value}</bdi>`;
}
