/** A chart of lines: zoom and hover go to the page, which gives them back to all charts. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { number } from "../lib/format.js";
import { smooth } from "../lib/smooth.js";
import { nearest } from "./lines_data.js";
import { LinePlot } from "./lines_plot.js";
import { short } from "./lines_ticks.js";
import { panOrZoom, placeTip, tipRows } from "./lines_hover.js";

/** @typedef {import("./lines_data.js").Line} Line */
/** @typedef {{ chart: string, run: string | null, x: number | null }} Hover what the pointer is on, for all charts */

/**
 * @typedef {object} LinesProps
 * @property {string} name
 * @property {Line[]} lines
 * @property {unknown} version changes when the lines have other points
 * @property {string} x
 * @property {boolean} log
 * @property {boolean} [logX]
 * @property {boolean} clip leave out outliers
 * @property {[number, number] | null} range
 * @property {number} smoothing 0 to 0.999
 * @property {"ema" | "gauss" | "mean"} smoothKind
 * @property {string} theme changes when the colours change
 * @property {number} height
 * @property {{ value: Hover, peek: () => Hover, subscribe: (call: (hover: Hover) => void) => () => void }} hover
 * @property {(low: number, high: number) => void} onZoom
 * @property {() => void} onReset
 * @property {(run: string) => void} [onPick] a line was pressed
 * @property {(extent: import("./lines_extent.js").Extent) => void} [onExtent]
 */

/**
 * Return the smoothed values of a line, which are kept until it changes.
 * @param {Line} line
 * @param {number} amount
 * @param {"ema" | "gauss" | "mean"} kind
 * @returns {Float64Array | null}
 */
function smoothedOf(line, amount, kind) {
  if (!amount || line.n < 3) return null;
  const wanted = `${amount} ${kind} ${line.n}`;
  line.smoothed = line.smoothed || new Map();
  let found = line.smoothed.get(wanted);
  if (!found) {
    found = smooth(line.x.subarray(0, line.n), line.y.subarray(0, line.n), amount, kind);
    line.smoothed.clear();
    line.smoothed.set(wanted, found);
  }
  return found;
}

/** @param {LinesProps} props */
export function Lines(props) {
  const holder = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  const tip = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  const plot = /** @type {{ current: LinePlot | null }} */ (useRef(null));
  const current = useRef(props);
  current.current = props;
  const [width, setWidth] = useState(0);
  const { lines, hover, height } = props;

  useLayoutEffect(() => {
    const measure = () => setWidth(Math.floor(holder.current.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(holder.current);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
    };
  }, []);

  useLayoutEffect(() => {
    if (width < 40) return;
    const options = {
      width, height, x: props.x, log: props.log, logX: Boolean(props.logX), clip: props.clip, range: props.range,
      smoothed: (/** @type {Line} */ line) => smoothedOf(line, props.smoothing, props.smoothKind),
      onZoom: (/** @type {number} */ low, /** @type {number} */ high) => current.current.onZoom(low, high),
      onReset: () => current.current.onReset(),
    };
    if (plot.current) plot.current.update(lines, options);
    else {
      plot.current = new LinePlot(holder.current, lines, options);
      // The points that are drawn can be read back, by tests and in the console.
      Object.assign(holder.current, { plot: plot.current });
      plot.current.highlight(hover.peek().run);
    }
    props.onExtent?.(plot.current.extent);
  }, [lines, props.version, width, height, props.x, props.log, props.logX, props.clip, props.range, props.smoothing,
    props.smoothKind]);

  useEffect(() => plot.current?.repaint(), [props.theme]);

  useEffect(
    () =>
      hover.subscribe((now) => {
        if (!plot.current) return;
        plot.current.highlight(now.run);
        plot.current.cross(now.x);
        if (now.chart !== current.current.name) tip.current.hidden = true;
      }),
    [hover],
  );

  const moved = (/** @type {PointerEvent} */ event) => {
    const chart = plot.current;
    if (!chart || event.buttons) return;
    const box = chart.frame.area.getBoundingClientRect();
    const left = event.clientX - box.left;
    const top = event.clientY - box.top;
    if (left < 0 || top < 0 || left > box.width || top > box.height) return leave();
    const x = chart.xAt(left);
    const rows = tipRows(chart, x, top, props.hover.peek().run);
    hover.value = { chart: props.name, run: rows.length && rows[0].near ? rows[0].line.id : null, x };
    fillTip(tip.current, rows, titleOf(chart, x, props.x), props.smoothing > 0);
    placeTip(tip.current, holder.current, event);
  };
  const leave = () => {
    if (tip.current) tip.current.hidden = true; // the chart may have been removed from under the pointer
    if (hover.peek().chart === props.name) hover.value = { chart: "", run: null, x: null };
  };
  const press = (/** @type {PointerEvent} */ event) => {
    tip.current.hidden = true;
    if (plot.current) panOrZoom(event, plot.current, (low, high) => current.current.onZoom(low, high));
  };
  return html`<div class="lines" style=${{ height: `${height}px` }}>
    <div class="lines-plot" ref=${holder} onPointerMove=${moved} onPointerLeave=${leave} onPointerDownCapture=${press}
      onClick=${() => props.onPick && hover.peek().run && props.onPick(String(hover.peek().run))}></div>
    <div class="chart-tip" ref=${tip} hidden></div>
  </div>`;
}

/**
 * @param {LinePlot} plot
 * @param {number} x
 * @param {string} axis
 */
function titleOf(plot, x, axis) {
  // The place of the first line, so that the head of the tooltip names a real point.
  const line = plot.lines[0];
  const at = line ? nearest(line, x) : -1;
  const value = line && line.exact && at >= 0 ? line.x[at] : x;
  if (axis === "time") return new Date(value).toLocaleString();
  if (axis === "relative") return `${short(Math.round(value / 100) / 10)} s`;
  const digits = Math.abs(value) >= 1e15 ? String(value) : number(Math.round(value * 1000) / 1000, 12);
  return axis === "step" ? `step ${digits.replace(/\.\d+$/, "")}` : `${axis.replace(/^metric:/, "")} ${number(value, 6)}`;
}

/**
 * @param {HTMLElement} tip
 * @param {import("./lines_hover.js").TipRow[]} rows
 * @param {string} title
 * @param {boolean} smoothing
 */
function fillTip(tip, rows, title, smoothing) {
  const head = document.createElement("div");
  head.className = "tip-title";
  head.textContent = title;
  const list = rows.slice(0, 12).map(({ line, at, near, smooth: smoothValue }) => {
    const row = document.createElement("div");
    row.className = near ? "tip-row near" : "tip-row";
    const dot = document.createElement("span");
    dot.className = "tip-dot";
    dot.style.background = line.colour;
    const name = document.createElement("span");
    name.className = "tip-name";
    name.textContent = line.name;
    const value = document.createElement("span");
    value.className = "tip-value";
    value.textContent = number(line.y[at], 6);
    const spread = document.createElement("span");
    spread.className = "tip-spread";
    if (line.low && line.high && line.count && line.count[at] > 1) {
      spread.textContent = `${number(line.low[at])} … ${number(line.high[at])}`;
    } else if (smoothing && smoothValue !== null) spread.textContent = `≈ ${number(smoothValue)}`;
    row.append(dot, name, value, spread);
    return row;
  });
  const more = document.createElement("div");
  more.className = "tip-more";
  if (rows.length > 12) more.textContent = `${rows.length - 12} more`;
  tip.replaceChildren(head, ...list, ...(rows.length > 12 ? [more] : []));
  tip.hidden = false;
}
