/** The head of a column: a press sorts, a drag moves or resizes the column, and its menu has the rest. */

import { html } from "htm/preact";
import { useRef } from "preact/hooks";
import { Menu } from "./menu.js";
import { moveColumns, resizeColumn } from "./table_drag.js";
import { MARK_WIDTH } from "./table_slots.js";

/** @typedef {import("./table_rows.js").TableColumn} TableColumn */

/**
 * @param {object} props
 * @param {TableColumn} props.column
 * @param {number} props.index
 * @param {{ columns: TableColumn[], pin: number, sort: { id: string, descending: boolean }[] } & import("./table.js").TableEvents} props.table
 */
export function Head({ column, index, table }) {
  const { columns, pin, sort, menuOf } = table;
  const opener = useRef(/** @type {(() => void) | null} */ (null));
  const at = sort.findIndex((item) => item.id === column.id);
  const state = at < 0 ? "none" : sort[at].descending ? "descending" : "ascending";
  const left = MARK_WIDTH + columns.slice(0, index).reduce((sum, other) => sum + other.width, 0);
  const pinned = index < pin;
  const sign = at < 0 ? "" : (sort[at].descending ? "▾" : "▴") + (sort.length > 1 ? at + 1 : "");
  const open = (/** @type {Event} */ event) => {
    if (!menuOf) return;
    event.preventDefault();
    opener.current?.();
  };
  return html`<div
    role="columnheader" aria-sort=${state} data-id=${column.id}
    class=${`head ${column.kind}${pinned ? " pinned" : ""}${at < 0 ? "" : " sorted"}`}
    style=${{ width: `${column.width}px`, left: pinned ? `${left}px` : "auto" }}
    onContextMenu=${open} onKeyDown=${beside}
    onPointerDown=${(/** @type {PointerEvent} */ event) => isMenu(event) || moveColumns(event, column.id, table.onMove)}
  >
    <button type="button" tabindex="-1" class="sort" title=${column.hint || column.title}
      onClick=${(/** @type {MouseEvent} */ event) => table.onSort(column.id, event.shiftKey)}>
      <span class="title">${column.title}</span>
      ${column.statistic ? html`<span class="statistic">${column.statistic}</span>` : null}
      <span class="sign" aria-hidden="true">${sign}</span>
    </button>
    ${menuOf
      ? html`<${Menu} label=${`Column ${column.hint || column.title}`} icon="more" class="head-menu" opener=${opener} tab=${index ? -1 : 0}
          items=${() => menuOf(column.id)} />`
      : null}
    <span class="grip" onPointerDown=${(/** @type {PointerEvent} */ event) =>
      resizeColumn(event, column.width, (width, done) => table.onResize(column.id, width, done))}></span>
  </div>`;
}

/** @param {Event} event */
const isMenu = (event) => Boolean(/** @type {Element} */ (event.target).closest(".head-menu, .menu"));

/** The arrows go from the menu of a column to the next one. @param {KeyboardEvent} event */
function beside(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
  if (!step || !target.classList.contains("head-menu")) return;
  const buttons = /** @type {HTMLElement[]} */ ([...(target.closest(".table-heads")?.querySelectorAll(".head-menu") || [])]);
  buttons[buttons.indexOf(target) + step]?.focus();
  event.preventDefault();
  event.stopPropagation();
}
