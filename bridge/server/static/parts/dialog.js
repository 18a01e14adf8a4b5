/** A modal dialog. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "./icon.js";

/**
 * A dialog that holds the focus until it is closed by Escape, by a click outside, or by its button.
 *
 * @param {{ label: string, onClose: () => void, children?: any, class?: string, plain?: boolean }} props
 *   `plain`: the dialog has no heading and no button, and `label` is only its accessible name.
 */
export function Dialog({ label, onClose, children, class: name = "", plain = false }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = box.current;
    const before = document.activeElement;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  /** @param {MouseEvent} event */
  const onMouseDown = (event) => event.target === box.current && onClose();
  return html`<dialog
    ref=${box}
    class=${`dialog ${name}`}
    aria-label=${label}
    onCancel=${(/** @type {Event} */ event) => (event.preventDefault(), onClose())}
    onMouseDown=${onMouseDown}
  >
    <div class="dialog-body">
      ${plain
        ? null
        : html`<header class="dialog-head">
            <h2>${label}</h2>
            <button class="button quiet icon" aria-label="Close" title="Close (Esc)" onClick=${onClose}>
              <${Icon} name="close" />
            </button>
          </header>`}
      ${children}
    </div>
  </dialog>`;
}
