/** Short messages at the lower edge, with a button that undoes what was done. */

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { Icon } from "./icon.js";

/** @typedef {{ id: number, text: string, undo?: () => unknown, kind: "done" | "problem" }} Message */

const messages = signal(/** @type {Message[]} */ ([]));
const [SHORT_MS, LONG_MS, MOST] = [5000, 10_000, 3];
let next = 1;

/** @param {number} id */
const drop = (id) => (messages.value = messages.value.filter((message) => message.id !== id));

/**
 * Show a message for 5 s, or for 10 s if it can be undone or reports a problem.
 *
 * @param {string} text
 * @param {{ undo?: () => unknown, kind?: "done" | "problem" }} options
 */
export function toast(text, { undo, kind = "done" } = {}) {
  const id = next++;
  messages.value = [...messages.value, { id, text, undo, kind }].slice(-MOST);
  setTimeout(() => drop(id), undo || kind === "problem" ? LONG_MS : SHORT_MS);
}

/** The messages. The frame of the page shows them. */
export const Toasts = () =>
  html`<div class="toasts" role="status" aria-label="Messages">
    ${messages.value.map(
      (message) =>
        html`<div key=${message.id} class=${`toast toast-${message.kind}`}>
          <span class="toast-text">${message.text}</span>
          ${message.undo
            ? html`<button class="button" onClick=${() => (drop(message.id), message.undo?.())}>Undo</button>`
            : null}
          <button class="button quiet icon" aria-label="Close the message" onClick=${() => drop(message.id)}>
            <${Icon} name="close" />
          </button>
        </div>`,
    )}
  </div>`;
