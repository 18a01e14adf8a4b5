/** A box that opens below a button and closes by Escape or by a click outside. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.js";

const [GAP, EDGE] = [4, 8];

/** Place a box below a button, or above it if there is more room. @param {HTMLElement} box @param {DOMRect} at */
function place(box, at, end = false) {
  box.style.maxHeight = "";
  const { width, height } = box.getBoundingClientRect();
  const [below, above] = [innerHeight - at.bottom - GAP - EDGE, at.top - GAP - EDGE];
  const up = height > below && above > below;
  const left = end ? at.right - width : at.left;
  box.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  box.style.top = `${up ? Math.max(EDGE, at.top - GAP - Math.min(height, above)) : at.bottom + GAP}px`;
  box.style.maxHeight = `${Math.max(80, up ? above : below)}px`;
}

/**
 * A button, and a box with any content that the button opens.
 *
 * @param {object} props
 * @param {string} props.label The accessible name of the button, and its hint.
 * @param {any} [props.text] What the button shows beside its icon.
 * @param {string} [props.icon]
 * @param {string} [props.class] Classes of the button; `button` if absent.
 * @param {string} [props.boxClass] Classes of the box.
 * @param {"menu" | "dialog" | "listbox"} [props.role] The role of the box.
 * @param {boolean} [props.end] Whether the box ends where the button ends, instead of starting where it starts.
 * @param {boolean} [props.disabled]
 * @param {number} [props.tab] the button's tabindex
 * @param {{ open: () => void } | undefined | { current: (() => void) | null }} [props.opener] Gets a function that opens the box.
 * @param {(close: () => void) => any} props.children A function that returns the content. It is called while the box is open.
 */
export function Popover({ label, text, icon, class: name = "button", boxClass = "", role = "dialog", end, disabled, tab, opener, children }) {
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [open, setOpen] = useState(false);
  if (opener && "current" in opener) opener.current = () => setOpen(true);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useLayoutEffect(() => {
    const [shown, from] = [box.current, button.current];
    if (!open || !shown || !from) return;
    shown.showPopover();
    const placeAgain = () => place(shown, from.getBoundingClientRect(), end);
    placeAgain();
    if (!shown.contains(document.activeElement))
      /** @type {HTMLElement | null} */ (shown.querySelector("[autofocus], [role^=menuitem], input, select, button, a[href]"))?.focus();
    const watch = new ResizeObserver(placeAgain);
    watch.observe(shown);
    addEventListener("resize", placeAgain);
    return () => {
      watch.disconnect();
      removeEventListener("resize", placeAgain);
    };
  }, [open]);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.preventDefault();
    close();
  };
  return html`<button
      ref=${button}
      type="button"
      class=${name}
      aria-label=${text === label ? undefined : label}
      title=${text === label ? undefined : label}
      aria-haspopup=${role}
      aria-expanded=${open ? "true" : "false"}
      disabled=${disabled}
      tabindex=${tab}
      onClick=${() => setOpen(!open)}
    >
      ${icon ? html`<${Icon} name=${icon} />` : null}${text ?? null}
    </button>
    ${open
      ? html`<div
          ref=${box}
          popover="auto"
          role=${role}
          aria-label=${label}
          class=${`menu ${boxClass}`}
          onKeyDown=${onKeyDown}
          onToggle=${(/** @type {any} */ event) => event.newState === "closed" && setOpen(false)}
        >
          ${children(close)}
        </div>`
      : null}`;
}
