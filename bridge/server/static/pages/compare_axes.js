/** The dialog that chooses the axes of parallel coordinates. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { Dialog } from "../parts/dialog.js";

const MOST = 200; // keys in the list; the field finds the others

/**
 * @param {object} props
 * @param {import("../data/api.js").Key[]} props.keys
 * @param {string[]} props.chosen names such as `params.lr`
 * @param {(order: string[]) => void} props.onChange
 * @param {() => void} props.onClose
 */
export function AxesDialog({ keys, chosen, onChange, onClose }) {
  const text = useSignal("");
  const wanted = text.value.trim().toLowerCase();
  const names = keys.filter((key) => key.entity === "param" || (key.entity === "metric" && key.type === "number")).map(nameOf);
  const found = [...new Set([...chosen, ...names])].filter((name) => name.toLowerCase().includes(wanted));
  /** @param {string} name */
  const toggle = (name) => onChange(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  return html`<${Dialog} label="Axes" onClose=${onClose}>
    <div class="dialog-content add-runs">
      <input class="field" type="search" aria-label="Find a param or metric" placeholder="Find a param or metric" autofocus value=${text.value}
        onInput=${(/** @type {any} */ event) => (text.value = event.currentTarget.value)} />
      <ul aria-label="Axes">
        ${found.slice(0, MOST).map((name) => html`<li key=${name}><label class="menu-item"><input type="checkbox" checked=${chosen.includes(name)} onChange=${() => toggle(name)} />
          <bdi class="cut">${name.slice(name.indexOf(".") + 1)}</bdi><span class="menu-hint">${name.startsWith("params.") ? "param" : "metric"}</span></label></li>`)}
        ${found.length > MOST ? html`<li class="soft">${found.length - MOST} more: type a part of the name.</li>` : null}
      </ul>
    </div>
  <//>`;
}

/** @param {{ entity: string, key: string, column: string }} key */
const nameOf = ({ entity, key, column }) => `${entity}s.${column ? `${key}.${column}` : key}`;
