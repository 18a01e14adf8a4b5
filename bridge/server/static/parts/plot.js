/** A small chart of one or a few lines, points or bars, with a legend and values under the mouse. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "../lib/format.js";
import { SmallPlot } from "./plot_draw.js";
import { inkOf, onTheme } from "./theme.js";

/**
 * @typedef {{
 *   name: string, values: ArrayLike<number | null>, colour?: string, dash?: number[], width?: number,
 *   as?: "line" | "points" | "bars" | "hidden", spans?: boolean, bare?: boolean,
 * }} PlotLine A colour that begins with `--` is the name of a colour of the theme.
 *   `spans`: the line goes on over missing values. `bare`: its points are not marked, even if they are few.
 * @typedef {{
 *   x: ArrayLike<number>, lines: PlotLine[], label: string, height?: number, xName?: string, yName?: string,
 *   band?: [number, number], xRange?: [number, number], yRange?: [number, number], legend?: boolean,
 * }} PlotProps `band` are the numbers of two lines; the ground between them is filled. `label` describes the chart.
 */

/** @param {PlotProps} props */
export function Plot(props) {
  const ground = useRef(/** @type {HTMLDivElement | null} */ (null));
  const plot = useRef(/** @type {SmallPlot | null} */ (null));
  const [at, setAt] = useState(/** @type {number | null} */ (null));
  const [, setTheme] = useState(0);
  useEffect(() => {
    const element = ground.current;
    if (!element) return undefined;
    const chart = new SmallPlot(element, props, setAt);
    plot.current = chart;
    // What is drawn can be read back, by tests and in the console.
    Object.assign(element, { plot: chart });
    const watcher = new ResizeObserver(() => chart.draw());
    watcher.observe(element);
    const forget = onTheme(() => {
      chart.draw();
      setTheme((before) => before + 1); // the legend has the same colours
    });
    return () => {
      forget();
      watcher.disconnect();
      chart.destroy();
    };
  }, []);
  useEffect(() => plot.current?.show(props), [props.x, props.lines, props.height, props.band, props.xRange, props.yRange]);
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
