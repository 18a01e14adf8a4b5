/** The head of a view: what it shows, how it goes, and the choices for all charts. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { plural } from "runbridge/lib/format.js";
import { Status } from "runbridge/parts/status.js";
import { setAxis, zoom } from "./connection.js";
import { elapsed } from "./rows.js";

const AXES = [
  ["step", "Step"],
  ["time", "Time"],
  ["relative", "Duration"],
];

/**
 * @param {object} props
 * @param {import("./connection.js").Connection} props.connection
 * @param {import("./types").Contents} props.contents
 * @param {number} props.now The time of the kernel's clock.
 * @param {import("./types").Look} props.look
 * @param {(log: boolean) => void} props.setLog
 * @param {(smoothing: number) => void} props.setSmoothing
 * @param {boolean} props.hasCharts
 */
export function Head({ connection, contents, now, look, setLog, setSmoothing, hasCharts }) {
  const { run, experiment, total, link, open } = contents;
  const [told, tell] = useState(false);
  const isAddress = /^https?:/.test(link);
  return html`<header class="head">
    ${run
      ? html`<${Status} status=${run.status} text="" />
          <strong class="cut" title=${run.name}>${run.name}</strong>
          <span class="soft cut">${experiment}</span>
          <span class="soft nowrap">${run.status}, ${elapsed(run, now)}</span>`
      : html`<strong class="cut">${experiment || plural(total, "run")}</strong>
          <span class="soft nowrap">${[experiment && plural(total, "run"), open && "running"].filter(Boolean).join(", ")}</span>`}
    <span class="grow"></span>
    ${connection.x.value === connection.seriesX.value ? null : html`<span class="soft late nowrap">waiting for the kernel</span>`}
    ${connection.range.value
      ? html`<button class="button small" onClick=${() => zoom(connection, null)}>Reset zoom</button>`
      : null}
    ${hasCharts
      ? html`<label class="smooth" title="Smoothing">
            <span>smooth</span>
            <input type="range" min="0" max="0.99" step="0.01" value=${look.smoothing}
              onInput=${(/** @type {any} */ { currentTarget: one }) => setSmoothing(Number(one.value))} />
          </label>
          <button class="button small" aria-pressed=${look.log} onClick=${() => setLog(!look.log)}>Log</button>
          <div class="axis-choice" role="group" aria-label="Axis">
          ${AXES.map(
            ([x, name]) =>
              html`<button aria-pressed=${connection.x.value === x} onClick=${() => setAxis(connection, x)}>${name}</button>`,
          )}
        </div>`
      : null}
    ${isAddress
      ? html`<a class="button small" href=${link} target="_blank" rel="noreferrer">Open page</a>`
      : link && html`<button class="button small" aria-expanded=${told} onClick=${() => tell(!told)}>Open page</button>`}
  </header>
  ${told && !isAddress ? html`<p class="command">In a terminal: <code>${link}</code></p>` : null}`;
}
