/** A field and the list of what it finds. Only the rows in sight are in the document, so a list may be long. */

import { html } from "htm/preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { pieces } from "../lib/match.js";
import { Icon } from "./icon.js";

/**
 * A row of the list. A row with a `title` only is a heading.
 *
 * @typedef {object} Row
 * @property {string} [title]
 * @property {string} [id]
 * @property {string} [text]
 * @property {import("../lib/match.js").Mark[]} [marks] The parts of the text that were found.
 * @property {any} [hint] What stands at the right.
 * @property {string} [icon]
 * @property {boolean} [checked] Whether the row is chosen, in lists of which several rows can be chosen.
 * @property {() => unknown} [pick]
 */

const [ROW, BEYOND] = [28, 6];

/** @param {{ row: Row, at: number, chosen: boolean, id: string, total: number, onHover: () => void }} props */
function ListRow({ row, at, chosen, id, total, onHover }) {
  const top = { top: `${at * ROW}px` };
  if (row.title !== undefined)
    return html`<div class="search-title in-window search-row" role="presentation" style=${top}>${row.title}</div>`;
  const parts = pieces(row.text ?? "", row.marks ?? []);
  return html`<div
    class="search-row in-window"
    style=${top}
    id=${id}
    role="option"
    aria-selected=${String(row.checked ?? chosen)}
    aria-setsize=${total}
    aria-posinset=${at + 1}
    data-active=${chosen ? "" : undefined}
    title=${row.text}
    onMouseMove=${onHover}
    onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()}
    onClick=${() => row.pick?.()}
  >
    ${row.checked === undefined ? null : html`<span class="menu-check" aria-hidden="true">${row.checked ? html`<${Icon} name="check" />` : null}</span>`}
    ${row.icon ? html`<${Icon} name=${row.icon} />` : null}
    <span class="cut">${parts.map((part, place) => (place % 2 ? html`<mark>${part}</mark>` : part))}</span>
    ${row.hint ? html`<span class="search-hint">${row.hint}</span>` : null}
  </div>`;
}

/**
 * @param {object} props
 * @param {string} props.label The accessible name of the field.
 * @param {string} [props.placeholder]
 * @param {string} props.text What was typed.
 * @param {(text: string) => void} props.onText
 * @param {readonly Row[]} props.rows
 * @param {boolean} [props.several] Whether several rows can be chosen.
 * @param {any} [props.none] What stands there if there is no row.
 * @param {any} [props.foot]
 * @param {() => void} [props.onClose] Called for Escape.
 */
export function SearchList({ label, placeholder = label, text, onText, rows, several, none = "Nothing found.", foot, onClose }) {
  const id = useId();
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const first = rows.findIndex((row) => row.title === undefined);
  const [at, setAt] = useState(first);
  const [scroll, setScroll] = useState({ top: 0, height: 400 });
  const active = rows[at] && rows[at].title === undefined ? at : first;
  useEffect(() => field.current?.focus(), []);
  // Not after the picture: Enter picks no row of the earlier list, and the place after an arrow stays.
  useLayoutEffect(() => {
    setAt(first);
    if (list.current) list.current.scrollTop = 0;
  }, [text]);
  const measure = () => list.current && setScroll({ top: list.current.scrollTop, height: list.current.clientHeight });
  useEffect(() => {
    const watch = new ResizeObserver(measure);
    if (list.current) watch.observe(list.current);
    return () => watch.disconnect();
  }, []);
  useEffect(() => void measure(), [rows.length]);

  /** @param {number} step @param {number} from */
  const go = (step, from = active) => {
    let next = from + step;
    while (rows[next]?.title !== undefined) next += Math.sign(step);
    if (!rows[next]) next = step < 0 ? first : rows.length - 1;
    setAt(next);
    const [box, top] = [list.current, next * ROW];
    if (!box) return;
    if (top < box.scrollTop + ROW) box.scrollTop = next === first ? 0 : top - ROW;
    else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  };
  const page = Math.max(1, Math.floor(scroll.height / ROW) - 1);
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowDown: () => go(1),
    ArrowUp: () => go(-1),
    PageDown: () => go(page),
    PageUp: () => go(-page),
    Enter: () => void rows[active]?.pick?.(),
    ...(onClose ? { Escape: onClose } : {}),
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const run = event.isComposing || event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  const from = Math.max(0, Math.floor(scroll.top / ROW) - BEYOND);
  const shown = rows.slice(from, Math.ceil((scroll.top + scroll.height) / ROW) + BEYOND);
  return html`<div class="search-list">
    <label class="search-field">
      <${Icon} name="search" />
      <input
        ref=${field}
        role="combobox"
        aria-label=${label}
        aria-expanded="true"
        aria-controls=${`${id}-list`}
        aria-activedescendant=${active >= 0 ? `${id}-${active}` : undefined}
        aria-autocomplete="list"
        autocomplete="off"
        spellcheck=${false}
        placeholder=${placeholder}
        value=${text}
        onInput=${(/** @type {any} */ event) => onText(event.target.value)}
        onKeyDown=${onKeyDown}
      />
    </label>
    <div class="search-rows" ref=${list} role="listbox" id=${`${id}-list`} aria-label=${label} aria-multiselectable=${several ? "true" : undefined} tabindex="-1" onScroll=${measure}>
      <div role="presentation" style=${{ height: `${rows.length * ROW}px` }}></div>
      ${shown.map((row, place) => {
        const now = from + place;
        const hover = () => now !== active && setAt(now);
        return html`<${ListRow} key=${now} row=${row} at=${now} chosen=${now === active} id=${`${id}-${now}`} total=${rows.length} onHover=${hover} />`;
      })}
    </div>
    ${rows.length ? null : html`<div class="search-none" role="status">${none}</div>`} ${foot ? html`<div class="search-foot">${foot}</div>` : null}
  </div>`;
}
