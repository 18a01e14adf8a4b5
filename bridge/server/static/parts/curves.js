/** The charts of an accuracy table, of residuals and of predictions. */

import { html } from "htm/preact";
import { runColour } from "../lib/colour.js";
import { binned, calibration, gains, lift, MACRO, MICRO, precisionRecall, roc } from "../lib/curves.js";
import { number } from "../lib/format.js";
import { Plot } from "./plot.js";
import { isDark } from "./theme.js";

/** @typedef {import("../lib/curves.js").Curve} Curve */
/** @typedef {import("../lib/curves.js").AccuracyTable} AccuracyTable */

/** The kinds of curve: name, text, function, names of the axes, and the curve of a model that guesses. */
const KINDS = /** @type {const} */ ([
  [
    "roc",
    "ROC",
    roc,
    "False positive rate",
    "True positive rate",
    [
      [0, 1],
      [0, 1],
    ],
  ],
  ["precision", "Precision–recall", precisionRecall, "Recall", "Precision", null],
  [
    "calibration",
    "Calibration",
    calibration,
    "Predicted probability",
    "Share of positives",
    [
      [0, 1],
      [0, 1],
    ],
  ],
  [
    "gains",
    "Gains",
    gains,
    "Share of cases",
    "Share of positives found",
    [
      [0, 1],
      [0, 1],
    ],
  ],
  [
    "lift",
    "Lift",
    lift,
    "Share of cases",
    "Lift",
    [
      [0, 1],
      [1, 1],
    ],
  ],
]);

/** The greatest number of curves of classes that are shown besides the averages. */
const MOST = 12;

/**
 * @param {{ label: string, data: AccuracyTable, kind: string, onKind: (kind: string) => void }} props
 */
export function AccuracyCurves({ label, data, kind, onKind }) {
  const [name, text, of, xName, yName, guess] = KINDS.find((each) => each[0] === kind) ?? KINDS[0];
  const all = of(data);
  const classes = all.filter((curve) => curve.name !== MICRO && curve.name !== MACRO);
  const curves = [...classes.slice(0, MOST), ...all.filter((curve) => !classes.includes(curve))];
  return html`<div class="curves">
    <div class="segments" role="group" aria-label="Kind of curve">
      ${KINDS.map(([each, title]) => html`<button key=${each} aria-pressed=${each === name} onClick=${() => onKind(each)}>${title}</button>`)}
    </div>
    <${CurvePlot}
      label=${`${label}: ${text}`}
      curves=${curves}
      xName=${xName}
      yName=${yName}
      guess=${guess}
      unit=${name !== "lift"}
    />
    ${classes.length > MOST && html`<p class="quiet">The first ${MOST} of ${classes.length} classes are shown.</p>`}
  </div>`;
}

/**
 * @param {{ label: string, curves: Curve[], xName: string, yName: string, guess: readonly (readonly number[])[] | null, unit: boolean }} props
 */
function CurvePlot({ label, curves, xName, yName, guess, unit }) {
  const dark = isDark();
  // Each x stands twice, for the first and the last point of a curve there: a step of a curve is then a vertical line.
  const places = [...new Set([...curves.flatMap((curve) => curve.x), ...(guess?.[0] ?? [])])].sort((a, b) => a - b);
  const x = places.flatMap((place) => [place, place]);
  const lines = curves.map((curve, at) => ({
    name: curve.area === undefined ? curve.name : `${curve.name}  ${number(curve.area)}`,
    values: spread(curve, x),
    bare: true,
    colour: curve.name === MICRO || curve.name === MACRO ? "--ink" : runColour(at + 1, dark).colour,
    dash: curve.name === MACRO ? [6, 3] : undefined,
    width: curve.name === MICRO || curve.name === MACRO ? 2 : 1.5,
  }));
  if (guess)
    lines.push({
      name: "guessing",
      bare: true,
      values: spread({ name: "", x: [...guess[0]], y: [...guess[1]] }, x),
      colour: "--soft",
      dash: [2, 3],
      width: 1,
    });
  return html`<${Plot}
    label=${label}
    x=${x}
    lines=${lines}
    xName=${xName}
    yName=${yName}
    height=${280}
    xRange=${[0, 1]}
    yRange=${unit ? [0, 1.02] : undefined}
  />`;
}

/** The y of a curve on shared places of x, each given twice, by interpolation. @param {Curve} curve @param {number[]} x */
function spread(curve, x) {
  let first = 0;
  let last = 0;
  return x.map((place, nth) => {
    while (first < curve.x.length - 1 && curve.x[first] < place) first++;
    while (last < curve.x.length - 1 && curve.x[last + 1] <= place) last++;
    if (curve.x[first] === place && nth % 2 === 0) return curve.y[first];
    const [left, right] = [curve.x[last], curve.x[last + 1]];
    if (left === undefined || place < left) return null;
    if (place === left) return curve.y[last];
    return right === undefined
      ? null
      : curve.y[last] + ((curve.y[last + 1] - curve.y[last]) * (place - left)) / (right - left);
  });
}

/** @param {{ label: string, data: { bin_edges: number[], bin_counts: number[] } }} props */
export function Residuals({ label, data }) {
  const { centres, total, mean, deviation } = binned(data.bin_edges, data.bin_counts);
  return html`<div class="curves">
    <${Facts}
      facts=${[
        ["mean", mean],
        ["deviation", deviation],
        ["cases", total],
      ]}
    />
    <${Plot}
      label=${`${label}: histogram of residuals`}
      x=${centres}
      xName="Residual"
      yName="Cases"
      height=${240}
      lines=${[{ name: "cases", values: data.bin_counts, as: "bars" }]}
      xRange=${ends(data.bin_edges)}
      legend=${false}
    />
  </div>`;
}

/**
 * @param {{ label: string, data: { bin_edges: number[], bin_counts: number[], bin_averages: (number|null)[], bin_errors: (number|null)[] } }} props
 */
export function Predictions({ label, data }) {
  const { centres, total } = binned(data.bin_edges, data.bin_counts);
  const averages = data.bin_averages;
  const edge = (/** @type {number} */ sign) =>
    averages.map((value, at) => (value === null ? null : value + sign * (data.bin_errors[at] ?? 0)));
  const lines = [
    { name: "low", values: edge(-1), as: /** @type {const} */ ("hidden") },
    { name: "high", values: edge(1), as: /** @type {const} */ ("hidden") },
    { name: "ideal", bare: true, values: centres, colour: "--soft", dash: [4, 4], width: 1 },
    { name: "mean prediction ± error", values: averages, colour: "--accent", width: 2 },
  ];
  return html`<div class="curves">
    <${Facts} facts=${[["cases", total]]} />
    <${Plot}
      label=${`${label}: predicted over true values`}
      x=${centres}
      lines=${lines}
      band=${[0, 1]}
      xName="True value"
      yName="Predicted"
      height=${250}
    />
    <${Plot}
      label=${`${label}: histogram of true values`}
      x=${centres}
      xName="True value"
      height=${90}
      legend=${false}
      lines=${[{ name: "cases", values: data.bin_counts, as: "bars", colour: "--soft" }]}
      xRange=${ends(data.bin_edges)}
    />
  </div>`;
}

/** @param {{ facts: [string, number][] }} props */
function Facts({ facts }) {
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd>${number(value)}</dd>
        </div>`,
    )}
  </dl>`;
}

/** @param {number[]} edges @returns {[number, number]} */
const ends = (edges) => [edges[0] ?? 0, edges[edges.length - 1] ?? 1];
