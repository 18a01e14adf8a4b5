/** The list of all keys, and how keys look. */

import { html } from "htm/preact";
import { Dialog } from "./dialog.js";
import { listKeys } from "./keys.js";

/** @type {Record<string, string>} */
const SIGNS = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", " ": "Space" };

/**
 * The caps of a key: `Ctrl` `K`, or `g` `e`; alternatives are separated by ` / `.
 *
 * @param {{ name: string }} props
 */
export function Caps({ name }) {
  const ways = name.split(" / ").map((way) => (way === " " ? [way] : way.split(/(?<=.)[+ ](?=.)/)));
  return ways.map(
    (caps, at) =>
      html`${at ? html`<span class="soft"> or </span>` : null}${caps.map(
        (cap) => html`<kbd>${SIGNS[cap] ?? (caps[0] === "Ctrl" && cap.length === 1 ? cap.toUpperCase() : cap)}</kbd>`,
      )}`,
  );
}

/** The list of all keys. @param {{ onClose: () => void }} props */
export function KeySheet({ onClose }) {
  return html`<${Dialog} label="Keys" onClose=${onClose} class="key-sheet">
    ${[...listKeys()].map(
      ([section, rows]) =>
        html`<section>
          <h3>${section}</h3>
          <dl>
            ${rows.map(
              (row) =>
                html`<div>
                  <dt><${Caps} name=${row.name} /></dt>
                  <dd>${row.label}</dd>
                </div>`,
            )}
          </dl>
        </section>`,
    )}
  <//>`;
}
