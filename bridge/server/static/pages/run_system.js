/** The tab System: what the launcher measured, by device. */

import { html } from "htm/preact";
import { isSystem, SYSTEM } from "../lib/kinds.js";
import { Empty } from "../parts/problem.js";
import { Charts } from "./run_metrics.js";

/** @param {any} props */
export function System({ metrics, ...rest }) {
  if (!metrics) return null;
  const own = metrics
    .filter(isSystem)
    .sort(
      (/** @type {{ key: string }} */ a, /** @type {{ key: string }} */ b) =>
        Number(deviceOf(a.key) !== "host") - Number(deviceOf(b.key) !== "host") ||
        deviceOf(a.key).localeCompare(deviceOf(b.key), "en", { numeric: true }) ||
        a.key.localeCompare(b.key),
    );
  if (!own.length)
    return html`<${Empty} title="No system metrics"
      >The launcher of a submitted script measures processor, memory and graphics cards while it runs.<//
    >`;
  return html`<${Charts} metrics=${own} by=${(/** @type {string} */ key) => deviceOf(key)} ...${rest} />`;
}

/** The device in the key of a system metric: `gpu 0`, or `host` for the processor and the memory. @param {string} key */
export function deviceOf(key) {
  const gpu = /gpu[_/ ]?(\d+)/.exec(key.slice(SYSTEM.length));
  return gpu ? `gpu ${gpu[1]}` : "host";
}
