/** The rows of a table that are on the screen: a pool of nodes, which are filled again while one scrolls. */

import { element, isShown, makeSlot } from "./table_slots.js";

/**
 * What a cell shows. `tone` is a class of table.css, `glyph` a sign before the text, `after` a small text after it,
 * `hint` its tooltip.
 * @typedef {{ text: string, tone?: string, glyph?: string, glyphTone?: string, after?: string, hint?: string, href?: string }} Cell
 * @typedef {"name" | "status" | "number" | "text" | "time"} ColumnKind
 * @typedef {{ id: string, title: string, statistic?: string, kind: ColumnKind, width: number, hint?: string }} TableColumn
 */

/**
 * The entries of a table, by their place. An entry is a run or a group of runs.
 * @typedef {object} Entries
 * @property {number} count the number of entries
 * @property {(place: number) => string} id an id that stays with the entry
 * @property {(id: string) => number} find the place of an entry; -1 if it is not shown
 * @property {(place: number) => "run" | "group"} kind
 * @property {boolean} tree whether any entry has parts
 * @property {(place: number) => string} name the accessible name
 * @property {(place: number) => number} depth 0, or the number of parents that are shown above
 * @property {(place: number) => boolean | null} open whether its parts are shown; null if it has no parts
 * @property {(place: number) => { colour: string, shown: boolean, dash: boolean } | null} mark its line in the charts
 * @property {(place: number) => boolean} selected
 * @property {(place: number, column: TableColumn) => Cell | string} cell
 */

/** @typedef {import("./table_slots.js").Slot} Slot */

/** The number of rows above and below the screen that exist already. */
const SPARE = 6;

let tables = 0;

/** A pool of row nodes below `body`, which fills those that `scroller` shows. */
export class TableRows {
  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} body
   */
  constructor(scroller, body) {
    this.scroller = scroller;
    this.body = body;
    this.prefix = `table${++tables}-`;
    this.height = 28;
    this.top = 0;
    // As they were when the browser last reported them: to read them after a change would lay the page out at once.
    this.scrolled = this.room = 0;
    /** @type {Slot[]} */
    this.slots = [];
    /** @type {TableColumn[]} */
    this.columns = [];
    this.shape = "";
    this.pin = 1;
    this.active = -1;
    /** @type {Entries | null} */
    this.entries = null;
  }

  /** @param {number} place */
  rowId(place) {
    return this.prefix + place;
  }

  /**
   * Show entries in columns. Every visible row that has changed is filled again.
   * @param {{ entries: Entries, columns: TableColumn[], pin: number, active: number, height: number, top: number }} next
   */
  set(next) {
    const shape = `${next.pin}|${next.height}|` + next.columns.map((c) => `${c.id}:${c.width}:${c.kind}`).join("|");
    if (shape !== this.shape) {
      this.shape = shape;
      this.body.replaceChildren();
      this.slots = [];
    }
    Object.assign(this, next);
    this.body.style.height = `${next.entries.count * next.height}px`;
    for (const slot of this.slots) slot.place = -1;
    this.draw();
  }

  /** Read the part of the table that is on the screen, and fill its rows. */
  look() {
    this.scrolled = this.scroller.scrollTop;
    this.room = this.scroller.clientHeight;
    this.draw();
  }

  /** Fill the rows that have come onto the screen. */
  draw() {
    const { entries, height } = this;
    if (!entries) return;
    const inView = Math.ceil(this.room / height) + 1;
    // The browser moves a table that has become shorter only when it lays the page out.
    const most = Math.max(0, entries.count * height + this.top - this.room);
    const first = Math.max(0, Math.floor((Math.min(this.scrolled, most) - this.top) / height) - SPARE);
    const last = Math.min(entries.count, first + inView + 2 * SPARE);
    while (this.slots.length < inView + 2 * SPARE) this.slots.push(makeSlot(this.columns, this.pin));
    const pool = this.slots.length;
    const used = new Set();
    for (let place = first; place < last; place++) {
      const slot = this.slots[place % pool];
      used.add(slot);
      if (slot.place !== place) this.fill(slot, place);
    }
    for (const slot of this.slots) {
      if (!used.has(slot) && slot.node.parentNode) {
        slot.node.remove();
        slot.place = -1;
      }
    }
  }

  /** Make the active row visible. */
  reveal() {
    const { scroller, height, active } = this;
    if (active < 0) return;
    const above = active * height;
    const room = scroller.clientHeight - this.top;
    if (above < scroller.scrollTop) scroller.scrollTop = above;
    else if (above + height > scroller.scrollTop + room) scroller.scrollTop = above + height - room;
  }

  /**
   * Show an entry in a row. Only nodes that change are touched, because many rows stay as they are while runs log.
   * @param {Slot} slot
   * @param {number} place
   */
  fill(slot, place) {
    const entries = /** @type {Entries} */ (this.entries);
    slot.place = place;
    this.fillRow(slot, {
      place, kind: entries.kind(place), selected: entries.selected(place), active: place === this.active, id: entries.id(place),
      name: entries.name(place), mark: entries.mark(place), open: entries.open(place),
    });
    for (let index = 0; index < slot.cells.length; index++) {
      const cell = entries.cell(place, this.columns[index]);
      this.fillCell(slot, index, typeof cell === "string" ? { text: cell } : cell);
    }
    if (slot.node.parentNode !== this.body) this.body.append(slot.node);
  }

  /**
   * @param {Slot} slot
   * @param {{ place: number, kind: string, selected: boolean, active: boolean, id: string, name: string,
   *   mark: ReturnType<Entries["mark"]>, open: boolean | null }} row
   */
  fillRow(slot, row) {
    if (isShown(slot, -1, row)) return;
    const { node, dot, fold } = slot;
    const { place, selected, mark, open } = row;
    node.id = this.rowId(place);
    node.className = `table-row ${row.kind}${selected ? " selected" : ""}${row.active ? " active" : ""}`;
    node.style.transform = `translateY(${place * this.height}px)`;
    node.setAttribute("aria-rowindex", String(place + 2));
    node.setAttribute("aria-selected", String(selected));
    node.setAttribute("aria-label", row.name);
    node.dataset.place = String(place);
    node.dataset.id = row.id;
    dot.hidden = !mark;
    if (mark) {
      dot.style.setProperty("--run", mark.colour);
      dot.className = `eye-dot${mark.shown ? " on" : ""}${mark.dash ? " dashed" : ""}`;
      dot.setAttribute("aria-label", mark.shown ? "Hide in charts" : "Show in charts");
      dot.setAttribute("aria-pressed", String(mark.shown));
      dot.title = mark.shown ? "Hide in charts (v)" : "Show in charts (v)";
    }
    fold.hidden = open === null;
    fold.textContent = open ? "▾" : "▸";
    fold.setAttribute("aria-label", open ? "Close" : "Open");
    // A row of a grid has no state of its own for this, so the button has it.
    fold.setAttribute("aria-expanded", String(open === true));
  }

  /**
   * @param {Slot} slot
   * @param {number} index
   * @param {Cell} content
   */
  fillCell(slot, index, content) {
    const { kind } = this.columns[index];
    const indent = kind === "name" ? this.indent(slot.place) : 0;
    if (isShown(slot, index, [indent, content])) return;
    const target = slot.cells[index];
    if (kind === "name") {
      target.style.paddingLeft = `${indent}px`;
      const link = /** @type {HTMLAnchorElement} */ (slot.label);
      if (link.textContent !== content.text) link.textContent = content.text;
      if (content.href) link.href = content.href;
      else link.removeAttribute("href");
    } else if (content.glyph) {
      const glyph = element("span", `glyph ${content.glyphTone || ""}`, { "aria-hidden": "true" });
      glyph.textContent = content.glyph;
      target.replaceChildren(glyph, content.text);
    } else if (content.after) {
      const after = element("span", "after");
      after.textContent = content.after;
      target.replaceChildren(content.text, after);
    } else target.textContent = content.text;
    target.title = content.hint || "";
    target.dataset.tone = content.tone || "";
  }

  /** Return where a name begins, in pixels. @param {number} place */
  indent(place) {
    const entries = /** @type {Entries} */ (this.entries);
    const noSign = entries.tree && entries.open(place) === null;
    return (entries.tree ? 2 : 8) + 14 * Math.min(8, entries.depth(place)) + (noSign ? 14 : 0);
  }
}
