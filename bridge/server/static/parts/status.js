/** The status of a run: a shape, a colour and a word. */

import { html } from "htm/preact";

/** @type {Record<string, { sign: string, kind: string }>} */
export const SIGNS = {
  Running: { sign: "●", kind: "running" },
  Completed: { sign: "✓", kind: "good" },
  Failed: { sign: "✕", kind: "bad" },
  Canceled: { sign: "⊘", kind: "soft" },
  NotResponding: { sign: "!", kind: "warn" },
  Finalizing: { sign: "●", kind: "running" },
  CancelRequested: { sign: "⊘", kind: "soft" },
};
const QUEUED = { sign: "◌", kind: "soft" };

/** Return the sign of a status and its kind, which has a colour. @param {string} status */
export const statusSign = (status) => SIGNS[status] ?? QUEUED;

/**
 * The sign of a status, with a text beside it. Screen readers read the status before the text.
 *
 * @param {{ status: string, text?: string }} props `text` is the status itself if it is absent.
 */
export function Status({ status, text = status }) {
  const { sign, kind } = SIGNS[status] ?? QUEUED;
  return html`<span class=${`status status-${kind}`} title=${status}>
    <span class="status-sign" aria-hidden="true">${sign}</span>
    ${text === status ? null : html`<span class="visually-hidden">${status}</span>`}
    ${text ? html`<span>${text}</span>` : null}
  </span>`;
}
