/** A scatter chart of runs: any two columns, with a third as colour and a fourth as size. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { neutral, viridis } from "../lib/colour.js";
import { RunTip } from "./run_tip.js";
import { useWidth } from "./width.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */

const LEFT = 64, RIGHT = 16, TOP = 12, BOTTOM = 40, PAD = 10; // pixels around the points
const HEIGHT = 360;
const NEAR = 14; // pixels from the pointer to a point that it finds

/**
 * @param {object} props
 * @param {Axis} props.x
 * @param {Axis} props.y
 * @param {Axis | null} props.colour
 * @param {Axis | null} props.size
 * @param {string[]} props.names
 * @param {(row: number) => string} props.colourOf the colour of a run, where no column gives the colours
 * @param {Uint8Array | null} props.inside runs with 0 are grey
 * @param {(row: number) => void} props.onOpen
 * @param {boolean} props.dark
 */
export function Scatter({ x, y, colour, size, names, colourOf, inside, onOpen, dark }) {
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const width = useWidth(box);
  const [hover, setHover] = useState(-1);

  const px = (/** @type {number} */ t) => LEFT + PAD + t * (width - LEFT - RIGHT - 2 * PAD);
  const py = (/** @type {number} */ t) => TOP + PAD + (1 - t) * (HEIGHT - TOP - BOTTOM - 2 * PAD);

  useLayoutEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context || !canvas.current || width === 0) return;
    const sharp = Math.min(2, devicePixelRatio || 1);
    canvas.current.width = width * sharp;
    canvas.current.height = HEIGHT * sharp;
    context.scale(sharp, sharp);
    const few = names.length <= 2000;
    /** @param {number} row */
    const radius = (row) => (size ? 2 + 7 * Math.sqrt(size.positions[row] || 0) : few ? 4 : 2);
    /** @param {boolean} isInside */
    const draw = (isInside) => {
      context.globalAlpha = isInside ? (few ? 0.85 : 0.5) : 0.5;
      for (let row = 0; row < names.length; row += 1) {
        if ((inside ? inside[row] === 1 : true) !== isInside) continue;
        const [at, level] = [x.positions[row], y.positions[row]];
        if (Number.isNaN(at) || Number.isNaN(level)) continue;
        context.fillStyle = !isInside ? neutral(dark).faint : colour ? tint(colour.positions[row], dark) : colourOf(row);
        context.beginPath();
        context.arc(px(at), py(level), radius(row), 0, 7);
        context.fill();
      }
    };
    if (inside) draw(false);
    draw(true);
    if (hover >= 0) {
      context.globalAlpha = 1;
      context.lineWidth = 2;
      context.strokeStyle = neutral(dark).ink;
      context.beginPath();
      context.arc(px(x.positions[hover]), py(y.positions[hover]), radius(hover) + 2, 0, 7);
      context.stroke();
    }
  }, [x, y, colour, size, inside, width, hover, dark, names]);

  /** @param {PointerEvent} event */
  const onMove = (event) => {
    const bounds = /** @type {HTMLDivElement} */ (box.current).getBoundingClientRect();
    const [at, level] = [event.clientX - bounds.left, event.clientY - bounds.top];
    let [best, least] = [-1, NEAR ** 2];
    for (let row = 0; row < names.length; row += 1) {
      if (inside && !inside[row]) continue;
      const away = (px(x.positions[row]) - at) ** 2 + (py(y.positions[row]) - level) ** 2;
      if (away < least) [best, least] = [row, away];
    }
    setHover(best);
  };

  const shown = x.positions.reduce((sum, at, row) => sum + Number(!Number.isNaN(at) && !Number.isNaN(y.positions[row])), 0);
  const lost = names.length - shown;
  const isLeft = hover >= 0 && x.positions[hover] < 0.5;
  return html`<figure class="scatter" aria-label=${`${y.label} over ${x.label}, ${shown} runs`}>
    <div class="scatter-box" ref=${box} style=${{ height: `${HEIGHT}px` }} onPointerMove=${onMove} onPointerLeave=${() => setHover(-1)} onClick=${() => hover >= 0 && onOpen(hover)}>
      <svg class="scatter-axes" width=${width} height=${HEIGHT} aria-hidden="true">
        ${y.ticks.map((tick) => html`<line class="grid" x1=${LEFT} x2=${width - RIGHT} y1=${py(tick.at)} y2=${py(tick.at)} /><text x=${LEFT - 8} y=${py(tick.at) + 4} text-anchor="end">${cut(tick.text, 9)}</text>`)}
        ${x.ticks.map((tick) => html`<line class="grid" y1=${TOP} y2=${HEIGHT - BOTTOM} x1=${px(tick.at)} x2=${px(tick.at)} /><text x=${px(tick.at)} y=${HEIGHT - BOTTOM + 16} text-anchor="middle">${cut(tick.text, 12)}</text>`)}
        <text class="name" x=${(LEFT + width - RIGHT) / 2} y=${HEIGHT - 6} text-anchor="middle">${x.label}${x.log ? " (log)" : ""}</text>
        <text class="name" transform=${`translate(12, ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)`} text-anchor="middle">${y.label}${y.log ? " (log)" : ""}</text>
      </svg>
      <canvas ref=${canvas} aria-hidden="true"></canvas>
      ${hover >= 0 && html`<${RunTip} name=${names[hover]} row=${hover} axes=${[...new Set([x, y, colour, size])].filter(Boolean)} isLeft=${isLeft} />`}
    </div>
    <figcaption class="scatter-foot soft">
      ${colour ? html`<span class="scatter-legend">${colour.label} ${legend(colour, dark)}</span>` : null}
      ${lost ? `${lost} runs without one of the two values are not shown.` : ""}
    </figcaption>
  </figure>`;
}

/** @param {number} t @param {boolean} dark */
export const tint = (t, dark) => (Number.isNaN(t) ? neutral(dark).missing : viridis(dark ? 0.25 + 0.75 * t : 0.9 * t));

/** @param {Axis} axis @param {boolean} dark */
function legend(axis, dark) {
  const stops = Array.from({ length: 9 }, (_, at) => tint(at / 8, dark)).join(", ");
  const [first, last] = axis.kind === "word" ? [axis.words[0], axis.words[axis.words.length - 1]] : [axis.ticks[0]?.text, axis.ticks[axis.ticks.length - 1]?.text];
  return html`<i>${first}</i><span class="scatter-scale" style=${{ background: `linear-gradient(to right, ${stops})` }}></span><i>${last}</i>`;
}

/** @param {string} text @param {number} most */
const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
