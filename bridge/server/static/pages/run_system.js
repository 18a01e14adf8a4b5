/** The tab System: what the launcher measured. A chart has the lines of all devices of a kind. */

import { html } from "htm/preact";
import { byDevice, deviceOf } from "../lib/devices.js";
import { isSystem } from "../lib/kinds.js";
import { Empty } from "../parts/problem.js";
import { Charts } from "./run_metrics.js";

/** @param {any} props */
export function System({ metrics, ...rest }) {
  if (!metrics) return null;
  const own = byDevice(metrics.filter(isSystem));
  if (!own.length)
    return html`<${Empty} title="No system metrics"
      >The launcher of a submitted script measures processor, memory and graphics cards while it runs.<//
    >`;
  return html`<${Charts} metrics=${own} by=${deviceOf} ...${rest} />`;
}
