/** The bar of actions on selected runs, and its dialogs. */

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import { plural } from "../lib/format.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icon.js";
import { Menu } from "./menu.js";

/**
 * What a user can do with the selected runs. An action that is absent has no button.
 *
 * @typedef {object} Actions
 * @property {() => void} [compare]
 * @property {() => void} [tag]
 * @property {() => void} [archive]
 * @property {() => void} [restore]
 * @property {() => void} [baseline] only for one run
 * @property {() => void} [remove] deletes permanently
 */

/** @typedef {import("./menu.js").MenuEntry} MenuEntry */

/**
 * @param {object} props
 * @param {number} props.count the number of selected runs
 * @param {Actions} props.actions
 * @param {MenuEntry[]} props.more further entries of the menu
 * @param {() => void} props.onClear
 */
export function ActionBar({ count, actions, more, onClear }) {
  const { compare, tag, archive, restore, baseline, remove } = actions;
  /** @type {MenuEntry[]} */
  const entries = [...more, ...(remove ? /** @type {MenuEntry[]} */ (["line", { label: "Delete permanently…", icon: "trash", danger: true, run: remove }]) : [])];
  return html`<div class="action-bar" role="toolbar" aria-label="Selected runs">
    <span class="action-count" role="status">${plural(count, "run")} selected</span>
    ${compare ? html`<button class="button small" onClick=${compare} title="Compare (c)"><${Icon} name="compare" />Compare</button>` : null}
    ${tag ? html`<button class="button small" onClick=${tag} title="Tag (t)"><${Icon} name="tag" />Tag</button>` : null}
    ${archive ? html`<button class="button small" onClick=${archive} title="Archive (#)"><${Icon} name="archive" />Archive</button>` : null}
    ${restore ? html`<button class="button small" onClick=${restore}><${Icon} name="up" />Restore</button>` : null}
    ${baseline ? html`<button class="button small" onClick=${baseline} title="Baseline (b)"><${Icon} name="pin" />Baseline</button>` : null}
    <${Menu} label="More actions" icon="more" class="button small icon" items=${entries} />
    <span class="grow"></span>
    <button class="button quiet small" onClick=${onClear} title="Clear the selection (Esc)">Clear</button>
  </div>`;
}

/**
 * The dialog that sets a tag of runs. An empty value is a value, too.
 *
 * @param {object} props
 * @param {number} props.count
 * @param {string[]} props.keys the keys of tags that runs have already
 * @param {(key: string, value: string) => Promise<unknown>} props.onSave
 * @param {() => void} props.onClose
 */
export function TagDialog({ count, keys, onSave, onClose }) {
  const [isBusy, setIsBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));
  const onSubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (form.current));
    setIsBusy(true);
    try {
      await onSave(String(data.get("key")).trim(), String(data.get("value")));
      onClose();
    } catch {
      setIsBusy(false); // the caller has shown the problem
    }
  };
  return html`<${Dialog} label=${`Tag ${plural(count, "run")}`} onClose=${onClose}>
    <form ref=${form} onSubmit=${onSubmit}>
      <div class="dialog-content action-fields">
        <label>Key <input class="field" name="key" required maxlength="250" list="tag-keys" autofocus autocomplete="off" /></label>
        <label>Value <input class="field" name="value" maxlength="5000" autocomplete="off" /></label>
        <datalist id="tag-keys">${keys.map((key) => html`<option value=${key}></option>`)}</datalist>
      </div>
      <div class="dialog-actions">
        <button class="button" type="button" onClick=${onClose}>Cancel</button>
        <button class="button primary" type="submit" disabled=${isBusy}>Set the tag</button>
      </div>
    </form>
  <//>`;
}

/**
 * The dialog before runs are deleted permanently. The user types the number of runs.
 *
 * @param {object} props
 * @param {string[]} props.names the names of the runs
 * @param {() => Promise<unknown>} props.onDelete
 * @param {() => void} props.onClose
 */
export function DeleteDialog({ names, onDelete, onClose }) {
  const [text, setText] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const isSure = text.trim() === String(names.length);
  const onSubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!isSure) return;
    setIsBusy(true);
    try {
      await onDelete();
      onClose();
    } catch {
      setIsBusy(false);
    }
  };
  return html`<${Dialog} label=${`Delete ${plural(names.length, "run")} permanently`} onClose=${onClose}>
    <form onSubmit=${onSubmit}>
      <div class="dialog-content action-fields">
        <p>Their metrics, params, tags and files are removed. Nothing can bring them back.</p>
        <ul class="action-names">
          ${names.slice(0, 8).map((name) => html`<li class="cut"><bdi>${name}</bdi></li>`)}
          ${names.length > 8 ? html`<li class="soft">and ${names.length - 8} more</li>` : null}
        </ul>
        <label>Type <b>${names.length}</b> to confirm <input class="field" inputmode="numeric" autofocus autocomplete="off" value=${text} aria-label="Number of runs"
          onInput=${(/** @type {any} */ event) => setText(event.currentTarget.value)} /></label>
      </div>
      <div class="dialog-actions">
        <button class="button" type="button" onClick=${onClose}>Cancel</button>
        <button class="button danger" type="submit" disabled=${!isSure || isBusy}>Delete permanently</button>
      </div>
    </form>
  <//>`;
}
