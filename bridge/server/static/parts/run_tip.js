/** A box beside the pointer with the values of one run. It stands on the side of the chart where the pointer is not. */

import { html } from "htm/preact";
import { textOf } from "../lib/axes.js";

/**
 * @param {object} props
 * @param {string} props.name the name of the run
 * @param {number} props.row the place of the run in the axes
 * @param {import("../lib/axes.js").Axis[]} props.axes the columns whose values are shown
 * @param {boolean} props.isLeft whether the pointer is in the left half
 */
export const RunTip = ({ name, row, axes, isLeft }) => html`
  <div class=${`run-tip ${isLeft ? "right" : "left"}`} aria-hidden="true">
    <b><bdi>${name}</bdi></b>
    ${axes.map((axis) => html`<span key=${axis.key}>${axis.label} <i>${textOf(axis, row)}</i></span>`)}
  </div>`;
