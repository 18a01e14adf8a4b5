/** The menu of saved views: private ones in this browser, and those that everyone sees. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.js";
import { Popover } from "./popover.js";
import { Icon } from "./icon.js";

/** @typedef {{ name: string, isShared: boolean, href: string }} SavedView */

/**
 * @param {object} props
 * @param {SavedView[]} props.views
 * @param {string} props.current the name of the view that is shown, or empty
 * @param {boolean} props.isChanged whether the view that is shown was changed since
 * @param {boolean} props.canShare
 * @param {(name: string, isShared: boolean) => Promise<unknown>} props.onSave
 * @param {(view: SavedView) => unknown} props.onDelete
 * @param {() => unknown} props.onCopy
 * @param {() => void} [props.onOpen] the menu opens
 * @param {string} [props.class]
 */
export function ViewsMenu({ views, current, isChanged, canShare, onSave, onDelete, onCopy, class: button = "button" }) {
  const [isNaming, setIsNaming] = useState(false);
  const shown = views.find((view) => view.name === current);
  return html`<${Popover} label=${current ? `Views: ${current}${isChanged ? " *" : ""}` : "Views"} text=${html`<span class="cut views-name">${current || "Views"}</span>${current && isChanged ? " *" : null}`} icon="view" class=${button} boxClass="views-menu">
      ${(/** @type {() => void} */ close) => html`
        ${[false, true].map((isShared) => html`<${Group} key=${isShared} ...${{ isShared, views, current, canShare, onDelete, close }} />`)}
        ${views.length ? null : html`<p class="menu-title">No saved views yet. A view is what you see: filter, order, columns, charts.</p>`}
        <div class="menu-line" role="separator"></div>
        ${shown && isChanged && (!shown.isShared || canShare) ? html`<button class="menu-item" onClick=${() => (close(), onSave(shown.name, shown.isShared))}><${Icon} name="check" />Save changes to ${shown.name}</button>` : null}
        <button class="menu-item" onClick=${() => (close(), setIsNaming(true))}><${Icon} name="plus" />Save as a new view…</button>
        <button class="menu-item" onClick=${() => (close(), onCopy())}><${Icon} name="link" />Copy link</button>`}
    <//>
    ${isNaming ? html`<${NameDialog} canShare=${canShare} onSave=${onSave} onClose=${() => setIsNaming(false)} />` : null}`;
}

/**
 * @param {object} props
 * @param {boolean} props.isShared
 * @param {SavedView[]} props.views
 * @param {string} props.current
 * @param {boolean} props.canShare
 * @param {(view: SavedView) => unknown} props.onDelete
 * @param {() => void} props.close
 */
function Group({ isShared, views, current, canShare, onDelete, close }) {
  const own = views.filter((view) => view.isShared === isShared);
  if (!own.length) return null;
  return html`<div class="menu-title">${isShared ? "Shared" : "Only in this browser"}</div>
    ${own.map(
      (view) => html`<div key=${view.name} class="views-row">
        <a class="menu-item" href=${view.href} aria-current=${view.name === current ? "true" : undefined} onClick=${close}>
          <span class="menu-check" aria-hidden="true">${view.name === current ? html`<${Icon} name="check" />` : null}</span><bdi class="cut">${view.name}</bdi></a>
        ${!isShared || canShare ? html`<button class="run-button" aria-label=${`Delete the view ${view.name}`} title="Delete" onClick=${() => onDelete(view)}><${Icon} name="trash" /></button>` : null}
      </div>`,
    )}`;
}

/** @param {{ canShare: boolean, onSave: (name: string, isShared: boolean) => Promise<unknown>, onClose: () => void }} props */
function NameDialog({ canShare, onSave, onClose }) {
  const onSubmit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const data = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    const name = String(data.get("name")).trim();
    if (name) await onSave(name, data.get("shared") !== null);
    onClose();
  };
  return html`<${Dialog} label="Save the view" onClose=${onClose}>
    <form onSubmit=${onSubmit}>
      <div class="dialog-content action-fields">
        <label>Name <input class="field" name="name" required maxlength="100" autofocus autocomplete="off" /></label>
        ${canShare ? html`<label class="check"><input type="checkbox" name="shared" /> Share it with everyone who sees this experiment</label>` : null}
      </div>
      <div class="dialog-actions">
        <button class="button" type="button" onClick=${onClose}>Cancel</button>
        <button class="button primary" type="submit">Save</button>
      </div>
    </form>
  <//>`;
}
