/** A menu of commands or choices behind a button. */

import { html } from "htm/preact";
import { Icon } from "./icon.js";
import { Popover } from "./popover.js";

/**
 * An entry of a menu. With `checked`, it is a choice with a check mark.
 *
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {() => unknown} [run]
 * @property {string} [href] The entry is a link.
 * @property {string} [icon]
 * @property {string} [hint] A text at the right, such as a key.
 * @property {boolean} [checked]
 * @property {boolean} [danger]
 * @property {boolean} [disabled]
 * @property {boolean} [stays] The menu stays open after the choice.
 */

/** @typedef {MenuItem | { title: string } | "line"} MenuEntry */

/** @param {HTMLElement} menu @param {number} step @param {string} [letter] */
function move(menu, step, letter) {
  const items = /** @type {HTMLElement[]} */ ([...menu.querySelectorAll("[role^=menuitem]")]);
  const now = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const places = items.map((_, at) => (now + (at + 1) * step + items.length * 2) % items.length);
  const next = letter
    ? places.find((at) => items[at].textContent?.trim().toLowerCase().startsWith(letter))
    : step < 0 && now < 0
      ? items.length - 1
      : places[0];
  if (next !== undefined) items[next]?.focus();
}

/** @param {KeyboardEvent} event */
function onKeyDown(event) {
  const menu = /** @type {HTMLElement} */ (event.currentTarget);
  if (event.key === "ArrowDown") move(menu, 1);
  else if (event.key === "ArrowUp") move(menu, -1);
  else if (event.key === "Home" || event.key === "End") {
    const items = /** @type {NodeListOf<HTMLElement>} */ (menu.querySelectorAll("[role^=menuitem]"));
    items[event.key === "Home" ? 0 : items.length - 1]?.focus();
  } else if (event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey) move(menu, 1, event.key.toLowerCase());
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {{ entry: MenuEntry, close: () => void }} props */
function Entry({ entry, close }) {
  if (entry === "line") return html`<div class="menu-line" role="separator"></div>`;
  if ("title" in entry) return html`<div class="menu-title" role="presentation">${entry.title}</div>`;
  const { label, run, href, icon, hint, checked, danger, disabled, stays } = entry;
  const isChoice = checked !== undefined;
  const onClick = () => {
    if (disabled) return;
    if (!stays) close();
    run?.();
  };
  return html`<${href ? "a" : "button"}
    href=${href}
    type=${href ? undefined : "button"}
    role=${isChoice ? "menuitemcheckbox" : "menuitem"}
    aria-checked=${isChoice ? String(checked) : undefined}
    aria-disabled=${disabled ? "true" : undefined}
    tabindex="-1"
    class=${`menu-item${danger ? " danger" : ""}`}
    onClick=${onClick}
  >
    ${isChoice ? html`<span class="menu-check" aria-hidden="true">${checked ? html`<${Icon} name="check" />` : null}</span>` : null}
    ${icon ? html`<${Icon} name=${icon} />` : null}
    <span class="cut">${label}</span>
    ${hint ? html`<span class="menu-hint">${hint}</span>` : null}
  <//>`;
}

/**
 * @param {object} props
 * @param {string} props.label The accessible name of the button and of the menu.
 * @param {any} [props.text] What the button shows beside its icon.
 * @param {string} [props.icon]
 * @param {string} [props.class] Classes of the button.
 * @param {MenuEntry[] | (() => MenuEntry[])} props.items A function is called while the menu is open.
 * @param {boolean} [props.end] Whether the menu ends where the button ends.
 * @param {boolean} [props.disabled]
 * @param {number} [props.tab] The button's tabindex.
 * @param {{ current: (() => void) | null }} [props.opener] Gets a function that opens the menu.
 */
export const Menu = ({ items, ...button }) =>
  html`<${Popover} ...${button} role="menu">
    ${(/** @type {() => void} */ close) =>
      html`<div role="presentation" onKeyDown=${onKeyDown}>
        ${(typeof items === "function" ? items() : items).map((entry, at) => html`<${Entry} key=${at} entry=${entry} close=${close} />`)}
      </div>`}
  <//>`;
