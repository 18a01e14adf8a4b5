/** Pictures of the size of a word: bars of counts, and a line of values. */

import { html } from "htm/preact";

const WIDTH = 120, HEIGHT = 20;

/**
 * Bars of counts. The text behind it is for screen readers.
 *
 * @param {{ counts: ArrayLike<number>, label: string, width?: number }} props
 */
export function Bars({ counts, label, width = WIDTH }) {
  const most = Math.max(1, ...Array.from(counts));
  const step = width / Math.max(1, counts.length);
  const path = Array.from(counts, (count, at) => {
    // A day with few runs is visible beside one with thousands.
    const height = count > 0 ? Math.max(2, (count / most) * HEIGHT) : 1;
    return `M${(at * step).toFixed(2)} ${HEIGHT}h${Math.max(1, step - 1).toFixed(2)}v${-height.toFixed(2)}h${-Math.max(1, step - 1).toFixed(2)}z`;
  });
  return html`<svg class="spark" role="img" aria-label=${label} width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}>
    <path class="spark-base" d=${path.filter((_, at) => counts[at] === 0).join("")} />
    <path class="spark-bars" d=${path.filter((_, at) => counts[at] > 0).join("")} />
  </svg>`;
}

/**
 * A line of values, with a dot at the last one. Values that are not finite interrupt the line.
 *
 * @param {{ values: ArrayLike<number>, label: string, colour?: string, width?: number }} props
 */
export function Line({ values, label, colour = "", width = WIDTH }) {
  const finite = Array.from(values).filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const last = Math.max(1, values.length - 1);
  const x = (/** @type {number} */ at) => 2 + (at / last) * (width - 6);
  const y = (/** @type {number} */ value) => (high > low ? 2 + (1 - (value - low) / (high - low)) * (HEIGHT - 4) : HEIGHT / 2);
  let path = "";
  let isDown = false;
  for (let at = 0; at < values.length; at += 1) {
    if (Number.isFinite(values[at])) path += `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(values[at]).toFixed(1)}`;
    isDown = Number.isFinite(values[at]);
  }
  const end = Array.from(values).findLastIndex(Number.isFinite);
  const style = colour ? { color: colour } : undefined;
  return html`<svg class="spark" role="img" aria-label=${label} style=${style} width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`}>
    <path class="spark-line" d=${path} />
    ${end >= 0 ? html`<circle class="spark-dot" cx=${x(end)} cy=${y(values[end])} r="2" />` : null}
  </svg>`;
}
