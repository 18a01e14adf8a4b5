/** The keyboard: pages register keys with a label, and the sheet behind `?` lists them. */

import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";

/**
 * A function that a key calls. If it returns false, the key counts as not handled.
 *
 * @typedef {(event: KeyboardEvent, key: string) => unknown} KeyHandler
 */

/** @typedef {Record<string, KeyHandler | [label: string, handler: KeyHandler]>} Keys */
/** @typedef {{ keys: Keys, section: string, modal: boolean }} Registered */

/** @type {Registered[]} The last registered keys come first. */
const registered = [];
/** How often a component has registered keys or left, so that a shown list of keys follows. */
export const registrations = signal(0);
const SEQUENCE_MS = 1500;
let [prefix, prefixUntil] = ["", 0];

const TYPING = "input:not([type=checkbox],[type=radio],[type=range],[type=button]), textarea, select, [contenteditable]";
const PRESSED = "button, a[href], summary, [role=menuitem], [role=option], [role=tab]";

/** Return the name of the pressed key: `x`, `?`, `Shift+ArrowDown`, `Ctrl+k`. @param {KeyboardEvent} event */
function keyName(event) {
  const printable = event.key.length === 1;
  const control = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  const shift = event.shiftKey && !printable ? "Shift+" : "";
  return control + (event.altKey ? "Alt+" : "") + shift + (printable && control ? event.key.toLowerCase() : event.key);
}

/** @param {string} name @param {KeyboardEvent} event */
function call(name, event, modal = false) {
  for (const { keys, modal: isModal } of registered) {
    if (modal && !isModal) continue;
    const entry = Object.hasOwn(keys, name) ? keys[name] : undefined;
    if (entry && (Array.isArray(entry) ? entry[1] : entry)(event, event.key) !== false) return true;
  }
  return false;
}

/** @param {string} start */
const startsSequence = (start) =>
  registered.some(({ keys }) => Object.keys(keys).some((name) => name.startsWith(`${start} `)));

let pauses = 0;

/**
 * Call no keys until the returned function is called: a dialog is being loaded, and what the user types is meant for it.
 */
export function pauseKeys() {
  let pause = 1;
  pauses += pause;
  return () => {
    pauses -= pause;
    pause = 0;
  };
}

/** @param {KeyboardEvent} event */
function onKeyDown(event) {
  if (pauses || event.defaultPrevented || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  const name = keyName(event);
  const target = event.target instanceof Element ? event.target : document.body;
  const typing = target.matches(TYPING);
  if (typing && name !== "Escape" && !name.startsWith("Ctrl+")) return;
  if ((name === "Enter" || name === " ") && target.matches(PRESSED)) return;
  const modal = document.querySelector("dialog:modal") !== null;
  const sequence = prefix && performance.now() < prefixUntil ? `${prefix} ${name}` : "";
  prefix = "";
  if ((sequence && call(sequence, event, modal)) || call(name, event, modal)) event.preventDefault();
  else if (!modal && !typing && startsSequence(name)) {
    [prefix, prefixUntil] = [name, performance.now() + SEQUENCE_MS];
    event.preventDefault();
  } else if (typing && name === "Escape" && !modal) /** @type {HTMLElement} */ (target).blur();
}

/**
 * Register keys while a component is shown. The keys of the component that was shown last come first.
 *
 * A name is a key as the browser names it, with `Ctrl+`, `Alt+` and, for keys without a character, `Shift+`. `g e` is a
 * sequence of two keys. While the user types in a field, only `Escape` and keys with `Ctrl+` are called.
 *
 * @param {Keys} keys
 * @param {string} section The heading in the list of keys.
 * @param {{ modal?: boolean }} options `modal`: the keys are called while a modal dialog is open.
 */
export function useKeys(keys, section = "Page", { modal = false } = {}) {
  const entry = useRef(/** @type {Registered} */ ({ keys, section, modal }));
  entry.current.keys = keys;
  // Not after the picture: a key that is pressed as soon as one sees the page is called.
  useLayoutEffect(() => {
    const own = entry.current;
    if (!registered.length) document.addEventListener("keydown", onKeyDown);
    registered.unshift(own);
    registrations.value = registrations.peek() + 1;
    return () => {
      registered.splice(registered.indexOf(own), 1);
      registrations.value = registrations.peek() + 1;
      if (!registered.length) document.removeEventListener("keydown", onKeyDown);
    };
  }, []);
}

/** Return the registered keys that have a label, by section. A component that calls this follows their changes. */
export function listKeys() {
  void registrations.value;
  /** @type {Map<string, { name: string, label: string, run: KeyHandler }[]>} */
  const sections = new Map();
  for (const { keys, section } of [...registered].reverse())
    for (const [name, entry] of Object.entries(keys)) {
      if (!Array.isArray(entry) || !entry[0]) continue;
      const rows = sections.get(section) ?? [];
      const known = rows.find((row) => row.label === entry[0]);
      if (known) known.name += ` / ${name}`;
      else rows.push({ name, label: entry[0], run: entry[1] });
      sections.set(section, rows);
    }
  return sections;
}
