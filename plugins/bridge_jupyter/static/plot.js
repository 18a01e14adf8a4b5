/** A line chart of one metric: a line for each run, and a band from the least to the greatest value of each bucket. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { runColour } from "runbridge/lib/colour.js";
import { number } from "runbridge/lib/format.js";
import { axisLabel, bandsOf, columnsOf } from "./columns.js";

/** @typedef {import("runbridge/data/series.js").Sampled} Sampled */

export const HEIGHT = 132;
const BANDS = 3; // with more runs, bands would hide lines

/**
 * @param {object} props
 * @param {string} props.label A text for screen readers.
 * @param {Sampled[]} props.series
 * @param {(run: string) => { number: number, name: string }} props.about
 * @param {string} props.x The axis.
 * @param {[number, number] | null} props.range The shown part of x; null is all.
 * @param {boolean} props.dark
 * @param {string} props.group Charts of the same group show the same place of the pointer.
 * @param {(range: [number, number] | null) => void} props.onZoom
 * @param {(text: string) => void} props.onHover Called with the value under the pointer, or an empty text.
 */
export function Plot({ label, series, about, x, range, dark, group, onZoom, onHover }) {
  const place = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {any} */ (null));
  const latest = useRef({ onZoom, onHover, series, about, range });
  latest.current = { onZoom, onHover, series, about, range };
  const band = series.length <= BANDS;
  const shape = `${series.map((one) => `${one.run}${one.exact}`).join()}|${x}|${dark}|${band}`;

  useEffect(() => {
    const element = /** @type {HTMLDivElement} */ (place.current);
    const options = /** @type {any} */ (optionsOf(element, { x, dark, group, band, latest }));
    plot.current = new uPlot(options, columnsOf(series, band), element);
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    plot.current?.setData(columnsOf(series, band));
  }, [series, range]);

  return html`<div class="plot" ref=${place} role="img" aria-label=${label}></div>`;
}

/** @param {HTMLElement} element @param {{ x: string, dark: boolean, group: string, band: boolean, latest: any }} props */
function optionsOf(element, { x, dark, group, band, latest }) {
  const style = getComputedStyle(element);
  const [soft, grid] = ["--soft", "--grid"].map((name) => style.getPropertyValue(name).trim());
  const font = `11px ${style.fontFamily}`;
  const axis = { stroke: soft, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
  const series = latest.current.series.flatMap((/** @type {Sampled} */ one) => {
    const { colour, dash } = runColour(latest.current.about(one.run).number, dark);
    const line = { stroke: colour, dash, width: 1.5, points: { show: one.points === 1, size: 5, fill: colour } };
    return band ? [line, { stroke: "transparent", points: { show: false } }, { stroke: "transparent", points: { show: false } }] : [line]; // prettier-ignore
  });
  return {
    width: element.clientWidth || 260,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    scales: { x: { time: false, range: () => rangeOf(latest.current) }, y: { range: rangeOfY } },
    axes: [
      { ...axis, size: 22, gap: 4, space: 64, values: (/** @type {any} */ u, /** @type {number[]} */ all) => axisLabel(all, x, u.scales.x) },
      { ...axis, size: 48, gap: 4, space: 28, values: (/** @type {any} */ _, /** @type {number[]} */ all) => all.map((one) => number(one)) },
    ], // prettier-ignore
    series: [{}, ...series],
    bands: band ? bandsOf(latest.current.series, (/** @type {string} */ run) => runColour(latest.current.about(run).number, dark).colour) : [], // prettier-ignore
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      sync: { key: group, setSeries: false },
      points: { show: (/** @type {any} */ _, /** @type {number} */ at) => !band || at % 3 === 1, size: 6 },
      bind: { dblclick: () => () => latest.current.onZoom(null) },
    },
    hooks: {
      setCursor: [(/** @type {any} */ u) => latest.current.onHover(hovered(u, latest.current, band))],
      setSelect: [(/** @type {any} */ u) => choose(u, latest.current.onZoom)],
    },
  };
}

/** @param {{ range: [number, number] | null, series: Sampled[] }} props @returns {[number, number]} */
function rangeOf({ range, series }) {
  if (range) return range;
  const edges = series.map((one) => one.edges);
  const [low, high] = [Math.min(...edges.map((one) => one[0])), Math.max(...edges.map((one) => one[one.length - 1]))];
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** @param {any} _ @param {number | null} low @param {number | null} high @returns {[number, number]} */
function rangeOfY(_, low, high) {
  if (low == null || high == null) return [0, 1];
  const extra = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return [low - extra, high + extra];
}

/** Zoom to what was dragged over. @param {any} u @param {(range: [number, number]) => void} onZoom */
function choose(u, onZoom) {
  const { left, width } = u.select;
  if (width < 4) return;
  onZoom([u.posToVal(left, "x"), u.posToVal(left + width, "x")]);
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
}

/** Return the value of the line nearest to the pointer. @param {any} u @param {any} props @param {boolean} band */
function hovered(u, { series, about }, band) {
  const { left, top, idxs } = u.cursor;
  if (left == null || left < 0) return "";
  let [best, nearest] = ["", Infinity];
  series.forEach((/** @type {Sampled} */ one, /** @type {number} */ i) => {
    const at = band ? 1 + 3 * i : 1 + i;
    const index = nearby(u.data[at], idxs?.[at] ?? u.cursor.idx);
    const value = u.data[at]?.[index];
    if (value == null) return;
    const distance = Math.abs(u.valToPos(value, "y") - (top < 0 ? 0 : top));
    if (distance >= nearest) return;
    nearest = distance;
    best = (series.length > 1 ? `${about(one.run).name}  ` : "") + number(value, 5);
  });
  return best;
}

/** Return the nearest index at or before an index that has a value. @param {any[]} values @param {number} index */
function nearby(values, index) {
  while (index > 0 && values[index] == null) index--;
  return index;
}
