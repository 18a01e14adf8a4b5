/** Parallel coordinates: each run is a line over the axes, and a drag on an axis chooses a range. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { valueAt } from "../lib/axes.js";
import { rowsInRanges } from "../lib/brush.js";
import { AxisMarks } from "./parallel_axes.js";
import { LinesPicture } from "./parallel_lines.js";
import { RunTip } from "./run_tip.js";
import { useWidth } from "./width.js";

/** @typedef {import("../lib/axes.js").Axis} Axis */
/** @typedef {import("../lib/brush.js").Ranges} Ranges */

const TOP = 34, BOTTOM = 22, SIDE = 56; // pixels around the axes
const HEIGHT = 380;

/**
 * @param {object} props
 * @param {Axis[]} props.axes
 * @param {string[]} props.names the name of each run
 * @param {(row: number) => string} props.colourOf the colour of a run's line, where there are few runs
 * @param {Axis | null} props.tint the axis that gives the colours where there are many runs
 * @param {Ranges} props.ranges
 * @param {(key: string, range: [number, number] | null) => void} props.onRange a range was chosen or removed
 * @param {(rows: Uint8Array, isDone: boolean) => void} [props.onRows] other runs lie in the ranges
 * @param {(row: number) => void} props.onOpen a line was clicked
 * @param {(from: number, to: number) => void} props.onMove an axis was moved
 * @param {(key: string) => void} props.onLog the scale of an axis was changed
 * @param {boolean} props.dark
 */
export function Parallel(props) {
  const { axes, names, ranges, dark } = props;
  const rows = names.length;
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const picture = useRef(/** @type {LinesPicture | null} */ (null));
  const width = useWidth(box);
  const [hover, setHover] = useState(-1);
  const [isLeft, setIsLeft] = useState(false); // whether the pointer is in the left half
  const [drag, setDrag] = useState(/** @type {{key: string, range: [number, number]} | null} */ (null));

  const room = Math.max(0, width - 2 * SIDE);
  const xs = useMemo(
    () => axes.map((_, i) => Math.round(SIDE + (axes.length > 1 ? (room * i) / (axes.length - 1) : room / 2))),
    [axes, room],
  );
  const scale = useMemo(() => ({ top: TOP, height: HEIGHT - TOP - BOTTOM }), []);
  const shownRanges = drag ? { ...ranges, [drag.key]: drag.range } : ranges;
  const inside = useMemo(() => rowsInRanges(axes, shownRanges, rows), [axes, rows, ranges, drag]);
  const kept = useMemo(() => inside.reduce((sum, is) => sum + is, 0), [inside]);

  useLayoutEffect(() => {
    if (!canvas.current || width === 0) return;
    picture.current = new LinesPicture(canvas.current, { width, height: HEIGHT, xs, scale, axes, rows,
      tint: props.tint, colourOf: props.colourOf, dark });
    picture.current.draw(inside);
  }, [axes, width, rows, dark, props.tint, props.colourOf]);
  useLayoutEffect(() => { picture.current?.draw(inside, hover); }, [inside, hover]);
  useEffect(() => { props.onRows?.(inside, drag === null); }, [inside, drag === null]);

  /** @param {PointerEvent} event */
  const place = (event) => {
    const bounds = /** @type {HTMLDivElement} */ (box.current).getBoundingClientRect();
    return { x: event.clientX - bounds.left, y: event.clientY - bounds.top };
  };
  /** @param {number} y */
  const level = (y) => Math.min(1, Math.max(0, 1 - (y - scale.top) / scale.height));

  /** @param {PointerEvent} event */
  const onDown = (event) => {
    if (event.button !== 0) return;
    const start = place(event);
    const at = xs.findIndex((x) => Math.abs(x - start.x) <= 14);
    if (at < 0) { if (hover >= 0) props.onOpen(hover); return; }
    event.preventDefault();
    setHover(-1);
    const axis = axes[at], from = level(start.y);
    /** @type {[number, number] | null} */
    let range = null;
    let frame = 0;
    const element = /** @type {HTMLDivElement} */ (box.current);
    element.setPointerCapture(event.pointerId);
    /** @param {PointerEvent} moved */
    const onMove = (moved) => {
      const y = place(moved).y;
      if (!range && Math.abs(y - start.y) < 4) return;
      const to = level(y);
      range = /** @type {[number, number]} */ ([Math.min(from, to), Math.max(from, to)].map((t) => valueAt(axis, t)));
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        if (range) setDrag({ key: axis.key, range });
      });
    };
    const onUp = () => {
      element.removeEventListener("pointermove", onMove);
      if (frame) cancelAnimationFrame(frame);
      setDrag(null);
      props.onRange(axis.key, range); // a click removes the range
    };
    element.addEventListener("pointermove", onMove);
    element.addEventListener("pointerup", onUp, { once: true });
  };

  /** @param {PointerEvent} event */
  const onHover = (event) => {
    if (drag || !picture.current) return;
    const at = place(event);
    setIsLeft(at.x < width / 2);
    setHover(event.buttons === 0 ? picture.current.rowAt(at.x, at.y, inside) : -1);
  };

  const near = hover >= 0 ? names[hover] : "";
  return html`
    <div class="parallel">
      <div class="parallel-box" ref=${box} style=${{ height: `${HEIGHT}px` }} onPointerDown=${onDown}
        onPointerMove=${onHover} onPointerLeave=${() => setHover(-1)}>
        <canvas ref=${canvas} aria-hidden="true"></canvas>
        ${width > 0 && html`<${AxisMarks} ...${{ axes, xs, scale, ranges: shownRanges, height: HEIGHT, width }}
          onMove=${props.onMove} onLog=${props.onLog} onRange=${props.onRange} />`}
        ${near && html`<${RunTip} name=${near} row=${hover} axes=${axes} isLeft=${isLeft} />`}
      </div>
      <p class="parallel-count" role="status">${kept === rows ? `${rows.toLocaleString("en")} runs` :
        `${kept.toLocaleString("en")} of ${rows.toLocaleString("en")} runs in the ranges`}</p>
    </div>`;
}
