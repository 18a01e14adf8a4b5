/** The axes of parallel coordinates: names, ticks, ranges, and a form for people who do not drag. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { placeOf } from "../lib/axes.js";
import { number } from "../lib/format.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */

/**
 * @param {object} props
 * @param {Axis[]} props.axes
 * @param {number[]} props.xs
 * @param {{top: number, height: number}} props.scale
 * @param {import("../lib/brush.js").Ranges} props.ranges
 * @param {number} props.width
 * @param {number} props.height
 * @param {(key: string, range: [number, number] | null) => void} props.onRange
 * @param {(from: number, to: number) => void} props.onMove
 * @param {(key: string) => void} props.onLog
 */
export function AxisMarks({ axes, xs, scale, ranges, width, height, onRange, onMove, onLog }) {
  const [open, setOpen] = useState("");
  /** @param {number} t */
  const y = (t) => scale.top + (1 - t) * scale.height;
  const at = axes.findIndex((axis) => axis.key === open);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const close = () => {
    setOpen("");
    button.current?.focus();
  };
  return html`
    <svg class="parallel-axes" width=${width} height=${height} aria-hidden="true">
      ${axes.map((axis, i) => html`<g key=${axis.key} transform="translate(${xs[i]}, 0)">
        <line class="axis" y1=${scale.top} y2=${scale.top + scale.height} />
        ${axis.ticks.map((tick) => html`<line class="axis" x1="-4" y1=${y(tick.at)} y2=${y(tick.at)} />
          <text x="7" y=${y(tick.at) + 4}>${cut(tick.text)}</text>`)}
        ${axis.missing > 0 && html`<text x="7" y=${scale.top + scale.height + 16}>none</text>`}
        ${ranges[axis.key] && bar(axis, ranges[axis.key], y)}
      </g>`)}
    </svg>
    ${axes.map((axis, i) => html`
      <button key=${axis.key} type="button" class="parallel-name" style=${{ left: `${xs[i]}px` }} title=${axis.label}
        aria-expanded=${open === axis.key} onPointerDown=${stop}
        onClick=${(/** @type {any} */ event) => { button.current = event.currentTarget; setOpen(open === axis.key ? "" : axis.key); }}><bdi>${axis.label}</bdi></button>`)}
    ${at >= 0 && html`<${AxisForm} key=${open} axis=${axes[at]} range=${ranges[open]} x=${xs[at]} width=${width}
      onRange=${onRange} onLog=${() => onLog(open)} onClose=${() => close()}
      onLeft=${at > 0 ? () => onMove(at, at - 1) : null}
      onRight=${at < axes.length - 1 ? () => onMove(at, at + 1) : null} />`}`;
}

/**
 * @param {object} props
 * @param {Axis} props.axis
 * @param {[number, number] | undefined} props.range
 * @param {number} props.x
 * @param {number} props.width
 * @param {(key: string, range: [number, number] | null) => void} props.onRange
 * @param {() => void} props.onLog
 * @param {(() => void) | null} props.onLeft
 * @param {(() => void) | null} props.onRight
 * @param {() => void} props.onClose
 */
function AxisForm({ axis, range, x, width, onRange, onLog, onLeft, onRight, onClose }) {
  const [low, high] = range ?? [axis.low, axis.high];
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  useEffect(() => /** @type {HTMLElement | null | undefined} */ (form.current?.querySelector("input, select"))?.focus(), []);
  /** @param {SubmitEvent} event */
  const onSubmit = (event) => {
    event.preventDefault();
    const fields = /** @type {HTMLFormElement} */ (event.currentTarget).elements;
    const [from, to] = ["from", "to"].map((name) =>
      Number(/** @type {HTMLInputElement} */ (fields.namedItem(name)).value));
    onRange(axis.key, from <= to ? [from, to] : [to, from]);
    onClose();
  };
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    if (event.key === "Escape") { event.stopPropagation(); onClose(); }
  };
  return html`
    <form ref=${form} class="parallel-form" style=${{ left: `${Math.max(0, Math.min(x - 90, width - 190))}px` }}
      aria-label=${`Range of ${axis.label}`} onSubmit=${onSubmit} onKeyDown=${onKey} onPointerDown=${stop}>
      ${axis.kind === "word" ? wordFields(axis, low, high) : numberFields(axis, low, high)}
      <span class="parallel-buttons">
        <button type="submit" class="button small primary">Apply</button>
        <button type="button" class="button small" disabled=${!range} onClick=${() => { onRange(axis.key, null); onClose(); }}>Clear</button>
        <button type="button" class="button small icon" disabled=${!onLeft} aria-label="Move left" onClick=${onLeft}>←</button>
        <button type="button" class="button small icon" disabled=${!onRight} aria-label="Move right" onClick=${onRight}>→</button>
      </span>
      ${axis.positive && html`<label class="check"><input type="checkbox" checked=${axis.log} onChange=${onLog} />
        Logarithmic</label>`}
    </form>`;
}

/**
 * @param {Axis} axis
 * @param {number} low
 * @param {number} high
 */
function numberFields(axis, low, high) {
  return html`
    <label>From <input class="field" name="from" type="number" step="any" defaultValue=${Number(low.toPrecision(6))} /></label>
    <label>To <input class="field" name="to" type="number" step="any" defaultValue=${Number(high.toPrecision(6))} /></label>`;
}

/**
 * @param {Axis} axis
 * @param {number} low
 * @param {number} high
 */
function wordFields(axis, low, high) {
  const first = Math.max(0, Math.ceil(low)), last = Math.min(axis.words.length - 1, Math.floor(high));
  /** @param {number} chosen */
  const options = (chosen) => axis.words.map((word, i) => html`<option value=${i} selected=${i === chosen}>${word}</option>`);
  return html`
    <label>From <select class="select" name="from">${options(first)}</select></label>
    <label>To <select class="select" name="to">${options(Math.max(first, last))}</select></label>`;
}

/**
 * @param {Axis} axis
 * @param {[number, number]} range
 * @param {(t: number) => number} y
 */
function bar(axis, [low, high], y) {
  const top = y(Math.min(1.02, placeOf(axis, high))), bottom = y(Math.max(-0.02, placeOf(axis, low)));
  const label = (/** @type {number} */ value) => (axis.kind === "word" ? "" : number(value));
  return html`<rect class="range" x="-7" width="14" rx="3" y=${top} height=${Math.max(3, bottom - top)} />
    <text class="bound" x="-10" y=${top - 3} text-anchor="end">${label(high)}</text>
    <text class="bound" x="-10" y=${bottom + 12} text-anchor="end">${label(low)}</text>`;
}

/** @param {string} text */
const cut = (text) => (text.length > 14 ? `${text.slice(0, 13)}…` : text);

/** @param {Event} event */
const stop = (event) => event.stopPropagation();
