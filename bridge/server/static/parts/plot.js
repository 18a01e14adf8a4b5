/** A small chart of one or a few lines, points or bars, with a legend and values under the mouse. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "../lib/format.js";
import { inkOf, onTheme } from "./theme.js";

/**
 * @typedef {{
 *   name: string, values: ArrayLike<number | null>, colour?: string, dash?: number[], width?: number,
 *   as?: "line" | "points" | "bars" | "hidden", spans?: boolean, bare?: boolean,
 * }} PlotLine A colour that begins with `--` is the name of a colour of the theme.
 *   `spans`: the line goes on over missing values. `bare`: its points are not marked, even if they are few.
 * @typedef {{
 *   x: ArrayLike<number>, lines: PlotLine[], label: string, height?: number, xName?: string, yName?: string,
 *   band?: [number, number], xRange?: [number, number], yRange?: [number, number], legend?: boolean, time?: boolean,
 * }} PlotProps `band` are the numbers of two lines; the ground between them is filled. `label` describes the chart.
 */

/** The greatest number of points that are marked on their line. */
const FEW = 40;

/** @param {PlotProps} props */
export function Plot(props) {
  const ground = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const [theme, setTheme] = useState(0);
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  useEffect(() => onTheme(() => setTheme((before) => before + 1)), []);
  useEffect(() => {
    const element = ground.current;
    if (!element || typeof uPlot === "undefined") return undefined;
    const chart = new uPlot(options(props, element, setAt), dataOf(props), element);
    plot.current = chart;
    // What is drawn can be read back, by tests and in the console.
    Object.assign(element, { plot: chart });
    const watcher = new ResizeObserver(() => {
      if (element.clientWidth) chart.setSize({ width: element.clientWidth, height: props.height ?? 220 });
    });
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [formOf(props), theme]);
  useEffect(() => plot.current?.setData(dataOf(props)), [props.x, props.lines]);
  const shown = props.lines.filter((line) => line.as !== "hidden");
  return html`<figure class="plot" role="figure" aria-label=${props.label}>
    <div class="plot-ground" ref=${ground}></div>
    ${props.yName && html`<div class="plot-y-name" aria-hidden="true">${props.yName}</div>`}
    <figcaption class="plot-foot">
      ${
        (props.legend ?? shown.length > 1)
          ? shown.map(
              (line) =>
                html`<span class="plot-key" key=${line.name}>
                  <i class="plot-mark" style=${{ background: inkOf(line.colour ?? "--accent") }}></i>${line.name}
                  ${at !== null && html`<b>${number(line.values[at] ?? NaN)}</b>`}
                </span>`,
            )
          : at !== null && html`<span class="plot-key"><b>${number(shown[0]?.values[at] ?? NaN)}</b></span>`
      }
      <span class="plot-x-name">${props.xName}${at !== null && html` <b>${number(props.x[at])}</b>`}</span>
    </figcaption>
  </figure>`;
}

/** Everything of a chart but its numbers: while it stays the same, the chart stays, too. @param {PlotProps} props */
function formOf({ height, band, xRange, yRange, lines }) {
  return JSON.stringify([
    height,
    band,
    xRange,
    yRange,
    lines.map((line) => [line.as, line.colour, line.dash, line.width]),
  ]);
}

/** @param {PlotProps} props @returns {any} */
function dataOf(props) {
  return [Array.from(props.x), ...props.lines.map((line) => Array.from(line.values, (value) => value ?? null))];
}

/**
 * @param {PlotProps} props
 * @param {HTMLElement} element
 * @param {(at: number | null) => void} onHover
 * @returns {any}
 */
function options(props, element, onHover) {
  const soft = inkOf("--soft");
  const font = `11px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    stroke: soft,
    font,
    size: 22,
    gap: 4,
    grid: { stroke: inkOf("--line"), width: 1 },
    ticks: { show: false },
    values: (/** @type {unknown} */ _, /** @type {number[]} */ values) => values.map((value) => number(value)),
  };
  return {
    width: element.clientWidth || 320,
    height: props.height ?? 220,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: false, ...(props.xRange && { range: props.xRange }) },
      y: rangeOf(props),
    },
    axes: [axis, { ...axis, size: 52 }],
    bands: props.band && [{ series: [props.band[1] + 1, props.band[0] + 1], fill: tint(inkOf("--accent")) }],
    series: [{}, ...props.lines.map((line) => seriesOf(line, props.x.length))],
    hooks: {
      setCursor: [(/** @type {{ cursor: { idx: number | null } }} */ chart) => onHover(chart.cursor.idx ?? null)],
    },
  };
}

/** The range of y: bars begin at 0. @param {PlotProps} props @returns {any} */
function rangeOf({ yRange, lines }) {
  if (yRange) return { range: yRange };
  if (!lines.some((line) => line.as === "bars")) return {};
  return {
    range: (/** @type {unknown} */ _, /** @type {number} */ low, /** @type {number} */ high) => [
      Math.min(0, low),
      Math.max(high * 1.05, 1),
    ],
  };
}

/** @param {PlotLine} line @param {number} points */
function seriesOf(line, points) {
  const colour = inkOf(line.colour ?? "--accent");
  const few = points <= FEW && !line.bare;
  if (line.as === "bars") {
    return {
      stroke: colour,
      fill: tint(colour, "99"),
      width: 1,
      paths: uPlot.paths.bars?.({ size: [0.92, 80] }),
      points: { show: false },
    };
  }
  if (line.as === "hidden") return { stroke: "transparent", width: 0, points: { show: false } };
  if (line.as === "points")
    return {
      stroke: colour,
      width: 0,
      paths: () => null,
      points: { show: true, size: 5, width: 1, fill: tint(colour, "99") },
    };
  return {
    stroke: colour,
    width: line.width ?? 1.5,
    dash: line.dash,
    spanGaps: line.spans ?? false,
    points: { show: few, size: 5, width: 0, fill: colour },
  };
}

/** A colour with less opacity. @param {string} colour `#rrggbb` @param {string} opacity two hexadecimal digits */
function tint(colour, opacity = "33") {
  return /^#[0-9a-f]{6}$/i.test(colour) ? `${colour}${opacity}` : colour;
}
