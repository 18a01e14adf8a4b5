/** The table of runs: a grid whose rows are recycled, with columns that are sorted, pinned, moved and resized. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Head } from "./table_head.js";
import { TableRows } from "./table_rows.js";
import { MARK_WIDTH } from "./table_slots.js";

/** @typedef {import("./table_rows.js").TableColumn} TableColumn */
/** @typedef {import("./table_rows.js").Entries} Entries */

/**
 * @typedef {object} TableEvents
 * @property {(id: string, add: boolean) => void} onSort a column's button was pressed; `add` keeps the earlier columns
 * @property {(place: number) => void} onActive the row of the cursor
 * @property {(place: number, range: boolean) => void} onSelect select or deselect; `range` goes from the last selected
 * @property {(place: number) => void} onEye
 * @property {(place: number) => void} onFold
 * @property {(place: number) => void} onOpen
 * @property {(id: string, width: number, done: boolean) => void} onResize
 * @property {(id: string, before: string | null) => void} onMove
 * @property {(place: number | null) => void} [onHover]
 * @property {(top: boolean) => void} [onTop] whether the first row is on the screen
 * @property {(place: number, column: string) => void} [onCell] a cell was pressed with Alt: filter by its value
 * @property {(place: number, text: string | null) => void} [onRename] null: the name stays
 * @property {(id: string) => import("./menu.js").MenuEntry[]} [menuOf] the menu of a column
 */

/**
 * @param {{ entries: Entries, columns: TableColumn[], pin: number, active: number, version: unknown, cards: boolean,
 *   sort: { id: string, descending: boolean }[], label: string, editing?: number, density?: number,
 *   arrangement: string } & TableEvents} props `arrangement` names order, filter and groups: while it stays, the rows
 *   on the screen keep their place
 */
export function Table(props) {
  const { entries, columns, pin, active, cards } = props;
  const height = cards ? 68 : props.density || 28;
  const scroller = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  const body = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  const rows = /** @type {{ current: TableRows | null }} */ (useRef(null));
  const before = useRef({ active: "", arrangement: /** @type {string | null} */ (null) });

  const current = useRef(props);
  current.current = props;
  useLayoutEffect(() => {
    rows.current = new TableRows(scroller.current, body.current);
    const draw = () => {
      rows.current?.look();
      current.current.onTop?.(scroller.current.scrollTop < 4);
    };
    scroller.current.addEventListener("scroll", draw, { passive: true });
    const observer = new ResizeObserver(draw);
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const table = /** @type {TableRows} */ (rows.current);
    if (props.arrangement === before.current.arrangement) keepPlace(table, entries, height);
    else if (before.current.arrangement !== null) scroller.current.scrollTop = table.scrolled = 0;
    before.current.arrangement = props.arrangement;
    table.set({ entries, columns, pin, active, height, top: cards ? 0 : 32 });
    // Rows that come in above the cursor move it to another place, but the user did not.
    const id = active < 0 ? "" : entries.id(active);
    if (id !== before.current.active) table.reveal();
    before.current.active = id;
    if (active >= 0) scroller.current.setAttribute("aria-activedescendant", table.rowId(active));
    else scroller.current.removeAttribute("aria-activedescendant");
  });

  useLayoutEffect(() => {
    if (props.editing === undefined || props.editing < 0 || !rows.current) return;
    editName(rows.current, props.editing, props.onRename);
  }, [props.editing]);

  const width = MARK_WIDTH + columns.reduce((sum, column) => sum + column.width, 0);
  return html`<div
    class=${`runs-table${cards ? " cards" : ""}`} role="grid" tabindex="0" ref=${scroller} aria-label=${props.label}
    aria-rowcount=${entries.count + 1} aria-colcount=${columns.length + 1} aria-multiselectable="true"
    onClick=${(/** @type {MouseEvent} */ event) => pressed(event, props)}
    onDblClick=${(/** @type {MouseEvent} */ event) => placeOf(event) >= 0 && !actOf(event) && props.onOpen(placeOf(event))}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => keyed(event, props, scroller.current, height)}
    onMouseOver=${(/** @type {MouseEvent} */ event) => props.onHover && props.onHover(known(placeOf(event)))}
    onMouseLeave=${() => props.onHover && props.onHover(null)}
  >
    <div role="rowgroup" class="table-head" style=${{ width: `${width}px` }}>
      <div role="row" aria-rowindex="1" class="table-heads">
        <div role="columnheader" class="head mark pinned" style=${{ width: `${MARK_WIDTH}px` }}>
          <span class="visually-hidden">Shown and selected</span>
        </div>
        ${columns.map((column, index) => html`<${Head} key=${column.id} column=${column} index=${index} table=${props} />`)}
      </div>
    </div>
    <div role="rowgroup" class="table-body" ref=${body} style=${{ width: cards ? "100%" : `${width}px` }}></div>
  </div>`;
}

/** @param {Event} event */
function placeOf(event) {
  const row = /** @type {Element} */ (event.target).closest?.(".table-row");
  return row instanceof HTMLElement ? Number(row.dataset.place) : -1;
}

/** @param {number} place */
const known = (place) => (place < 0 ? null : place);

/** @param {Event} event */
function actOf(event) {
  const node = /** @type {Element} */ (event.target).closest?.("[data-act], a[href]");
  return node instanceof HTMLElement ? node.dataset.act || "link" : "";
}

/**
 * @param {MouseEvent} event
 * @param {TableEvents & { entries: Entries, columns: TableColumn[] }} props
 */
function pressed(event, props) {
  const place = placeOf(event);
  if (place < 0) return;
  const act = actOf(event);
  if (act === "link") {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    props.onOpen(place);
  } else if (act === "eye") props.onEye(place);
  else if (act === "fold") props.onFold(place);
  else if (act === "select" || event.ctrlKey || event.metaKey) props.onSelect(place, event.shiftKey);
  else if (event.shiftKey) props.onSelect(place, true);
  else if (event.altKey && props.onCell) {
    const cell = /** @type {HTMLElement | null} */ (/** @type {Element} */ (event.target).closest(".cell"));
    const column = props.columns[Number(cell?.dataset.column ?? -1)];
    if (column) props.onCell(place, column.id);
  }
  props.onActive(place);
}

/**
 * @param {KeyboardEvent} event
 * @param {TableEvents & { entries: Entries, active: number }} props
 * @param {HTMLElement} scroller
 * @param {number} height
 */
function keyed(event, props, scroller, height) {
  if (event.target !== scroller || event.ctrlKey || event.metaKey || event.altKey) return;
  const { active, entries } = props;
  const page = Math.max(1, Math.floor(scroller.clientHeight / height) - 2);
  /** @type {Record<string, number>} */
  const moves = {
    ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page,
    Home: 0, End: entries.count - 1,
  };
  if (event.key in moves && entries.count) {
    const place = Math.min(entries.count - 1, Math.max(0, moves[event.key]));
    if (event.shiftKey && event.key.startsWith("Arrow")) props.onSelect(place, true);
    props.onActive(place);
  } else if (event.key === "ArrowRight" && active >= 0 && entries.open(active) === false) props.onFold(active);
  else if (event.key === "ArrowLeft" && active >= 0 && entries.open(active) === true) props.onFold(active);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/**
 * Keep the first row of the screen where it is if rows have come in above it.
 * @param {TableRows} table
 * @param {Entries} entries
 * @param {number} height
 */
function keepPlace(table, entries, height) {
  const { scroller, entries: earlier } = table;
  if (!earlier || earlier === entries || table.scrolled < height || table.height !== height) return;
  const place = Math.floor(scroller.scrollTop / height);
  if (place >= earlier.count) return;
  const next = entries.find(earlier.id(place));
  if (next < 0 || next === place) return;
  table.body.style.height = `${entries.count * height}px`;
  scroller.scrollTop += (next - place) * height;
  table.scrolled = scroller.scrollTop;
}

/**
 * Put a field into a row's name.
 * @param {TableRows} table
 * @param {number} place
 * @param {((place: number, text: string | null) => void) | undefined} onRename
 */
function editName(table, place, onRename) {
  const slot = table.slots.find((candidate) => candidate.place === place);
  if (!slot) return;
  const field = document.createElement("input");
  const former = slot.label.textContent || "";
  field.value = former;
  field.className = "rename";
  field.setAttribute("aria-label", "Name");
  slot.label.hidden = true;
  slot.label.after(field);
  field.select();
  let done = false;
  const finish = (/** @type {boolean} */ keep) => {
    if (done) return;
    done = true;
    field.remove();
    slot.label.hidden = false;
    table.scroller.focus({ preventScroll: true });
    const text = field.value.trim();
    onRename?.(place, keep && text && text !== former ? text : null);
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") finish(event.key === "Enter");
  });
  field.addEventListener("click", (event) => event.stopPropagation());
  field.addEventListener("blur", () => finish(true));
}
