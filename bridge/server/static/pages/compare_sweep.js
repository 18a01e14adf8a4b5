/** Many runs at once: parallel coordinates and a scatter chart. A range on an axis is written into the filter. */

import { useComputed, useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useCallback, useMemo } from "preact/hooks";
import { rowsInRanges } from "../lib/brush.js";
import { runColour } from "../lib/colour.js";
import { plural } from "../lib/format.js";
import { printList } from "../lib/state.js";
import { Icon } from "../parts/icon.js";
import { Parallel } from "../parts/parallel.js";
import { Scatter, tint as tintOf } from "../parts/scatter.js";
import { AxesDialog } from "./compare_axes.js";
import { InfluenceOfParams } from "./compare_influence.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */
/** @typedef {import("../lib/brush.js").Ranges} Ranges */
/** @typedef {{ ids: string[], names: string[], numbers: ArrayLike<number>, axes: Axis[] }} Sweep */

const MOST_COMPARED = 100;
const MOST_HUES = 60; // runs; more are coloured by a value

/**
 * @param {object} props
 * @param {Sweep} props.sweep
 * @param {Ranges} props.ranges
 * @param {(key: string, range: [number, number] | null) => void} props.onRange
 * @param {string[]} props.unwritten the keys of ranges that the filter cannot express
 * @param {string[]} props.logs the keys of the axes whose scale was changed
 * @param {import("../data/api.js").Key[]} props.keys the keys that can be axes
 * @param {string} props.experiment the id of the experiment, or empty
 * @param {import("@preact/signals").ReadonlySignal<import("../lib/state.js").State>} props.state
 * @param {import("../shell.js").Shell} props.shell
 */
export function Sweep({ sweep, ranges, onRange, unwritten, logs, keys, experiment, state, shell }) {
  const { ids, names, numbers, axes } = sweep;
  const dark = shell.dark.value;
  const isChoosing = useSignal(false);
  const moving = useSignal(/** @type {Uint8Array | null} */ (null));
  const other = useComputed(() => state.value.other).value;
  const still = useMemo(() => rowsInRanges(axes, ranges, ids.length), [axes, ranges, ids]);
  const inside = moving.value ?? still;
  const hasRanges = Object.keys(ranges).length > 0;
  const kept = inside.reduce((sum, is) => sum + is, 0);

  /** @param {Record<string, string>} changes */
  const set = (changes) => shell.change({ other: { ...state.value.other, ...changes } });
  /** @param {string} key */
  const byKey = (key) => axes.find((axis) => axis.key === key) ?? null;
  const metrics = axes.filter((axis) => axis.key.startsWith("metrics."));
  const tint = byKey(other.colour ?? "") ?? metrics[metrics.length - 1] ?? axes[axes.length - 1] ?? null;
  const isByRun = ids.length <= MOST_HUES && !other.colour;
  const colourOf = useCallback(
    (/** @type {number} */ row) => (isByRun || !tint ? runColour(numbers[row], dark).colour : tintOf(tint.positions[row], dark)),
    [numbers, dark, isByRun, tint],
  );
  const x = byKey(other.across ?? "") ?? mostSpread(axes.filter((axis) => axis !== tint)) ?? axes[0];
  const y = byKey(other.up ?? "") ?? tint ?? axes[0];
  const size = byKey(other.size ?? "");

  /** @param {number} from @param {number} to */
  const move = (from, to) => {
    const order = axes.map((axis) => axis.key);
    order.splice(to, 0, ...order.splice(from, 1));
    set({ axes: printList(order) });
  };
  /** @param {string} key */
  const changeLog = (key) => set({ log: printList(logs.includes(key) ? logs.filter((one) => one !== key) : [...logs, key]) });
  const open = (/** @type {number} */ row) => shell.go(shell.href({ page: "run", id: ids[row] }));
  const chosen = () => ids.filter((_, row) => still[row]);

  return html`
    <section class="compare-part" id="parallel" aria-label="Parallel coordinates">
      <header class="part-head">
        <h2>Parallel coordinates</h2>
        <span class="soft part-hint">Drag on an axis to choose a range${experiment ? "; the filter follows" : ""}</span>
        <span class="grow"></span>
        ${hasRanges
          ? html`<button class="button small" onClick=${() => onRange("", null)}>Clear ranges</button>
              ${kept > 0 && kept <= MOST_COMPARED && kept < ids.length ? html`<button class="button small" onClick=${() => shell.change({ runs: chosen() })}>Compare ${plural(kept, "run")}</button>` : null}
              ${experiment ? html`<a class="button small" href=${shell.href({ page: "experiment", id: experiment }, { q: state.value.q })}>Open in the table</a>` : null}`
          : null}
        <${Choice} label="Colour" value=${other.colour ?? ""} none=${ids.length <= MOST_HUES ? "by run" : tint ? `by ${tint.label}` : "none"} axes=${axes} onChange=${(/** @type {string} */ key) => set({ colour: key })} />
        <button class="button small" onClick=${() => (isChoosing.value = true)}><${Icon} name="columns" />Axes</button>
      </header>
      ${unwritten.length ? html`<p class="soft part-note">A filter cannot express the range of ${unwritten.join(", ")}: it has too many values. It applies to this page only.</p>` : null}
      ${axes.length < 2
        ? html`<p class="soft part-note">Choose at least two axes.</p>`
        : html`<div class="part-scroll" tabindex="0" role="group" aria-label="Chart of parallel coordinates"><${Parallel} ...${{ axes, names, colourOf, tint, ranges, onRange, dark }} onOpen=${open} onMove=${move} onLog=${changeLog}
            onRows=${(/** @type {Uint8Array} */ rows, /** @type {boolean} */ isDone) => (moving.value = isDone ? null : rows)} /></div>`}
    </section>
    ${x && y
      ? html`<section class="compare-part" id="scatter" aria-label="Scatter">
          <header class="part-head">
            <h2>Scatter</h2>
            <span class="grow"></span>
            <${Choice} label="Y" value=${y.key} axes=${axes} onChange=${(/** @type {string} */ key) => set({ up: key })} />
            <${Choice} label="X" value=${x.key} axes=${axes} onChange=${(/** @type {string} */ key) => set({ across: key })} />
            <${Choice} label="Colour" value=${other.colour ?? ""} none=${tint && ids.length > MOST_HUES ? `by ${tint.label}` : "by run"} axes=${axes} onChange=${(/** @type {string} */ key) => set({ colour: key })} />
            <${Choice} label="Size" value=${size?.key ?? ""} none="equal" axes=${axes} onChange=${(/** @type {string} */ key) => set({ size: key })} />
          </header>
          <${Scatter} ...${{ x, y, size, names, colourOf, dark }} colour=${isByRun ? null : tint} inside=${hasRanges || moving.value ? inside : null} onOpen=${open} />
        </section>`
      : null}
    <${InfluenceOfParams} axes=${axes} chosen=${other.influence ?? ""} onChoose=${(/** @type {string} */ key) => set({ influence: key })} />
    ${isChoosing.value ? html`<${AxesDialog} keys=${keys} chosen=${axes.map((axis) => axis.key)} onChange=${(/** @type {string[]} */ order) => set({ axes: printList(order) })} onClose=${() => (isChoosing.value = false)} />` : null}`;
}

/** Return the axis with the most different values, a param if possible. @param {Axis[]} axes */
function mostSpread(axes) {
  const different = (/** @type {Axis} */ axis) => new Set(axis.values).size * (axis.key.startsWith("params.") ? 1 : 0.4) - axis.missing;
  return axes.reduce((best, axis) => (best && different(best) >= different(axis) ? best : axis), axes[0]);
}

/** @param {{ label: string, value: string, none?: string, axes: Axis[], onChange: (key: string) => void }} props */
const Choice = ({ label, value, none, axes, onChange }) =>
  html`<label class="choice"><span class="soft">${label}</span>
    <select class="select small" value=${value} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
      ${none === undefined ? null : html`<option value="">${none}</option>`}
      ${axes.map((axis) => html`<option key=${axis.key} value=${axis.key} selected=${axis.key === value}>${axis.label}</option>`)}
    </select></label>`;
