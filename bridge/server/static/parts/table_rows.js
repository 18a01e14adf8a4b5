/** The rows of a table that are on the screen: a pool of nodes, which are filled again while one scrolls. */

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

/** @typedef {{ node: HTMLElement, place: number, cells: HTMLElement[], dot: HTMLElement, fold: HTMLElement, label: HTMLElement }} Slot */

/** The number of rows above and below the screen that exist already. */
const SPARE = 6;

export const MARK_WIDTH = 52;

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
   * Show entries in columns. Every visible row is filled again.
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

  /** Fill the rows that have come onto the screen. */
  draw() {
    const { entries, scroller, height } = this;
    if (!entries) return;
    const inView = Math.ceil(scroller.clientHeight / height) + 1;
    const first = Math.max(0, Math.floor((scroller.scrollTop - this.top) / height) - SPARE);
    const last = Math.min(entries.count, first + inView + 2 * SPARE);
    while (this.slots.length < inView + 2 * SPARE) this.slots.push(this.makeSlot());
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

  /** @returns {Slot} */
  makeSlot() {
    const node = element("div", "table-row", { role: "row" });
    const mark = element("div", "cell mark pinned", { role: "gridcell" });
    mark.style.width = `${MARK_WIDTH}px`;
    const dot = element("button", "eye-dot", { tabindex: "-1", type: "button", "data-act": "eye" });
    const box = element("span", "box", { "data-act": "select" });
    mark.append(dot, box);
    node.append(mark);
    let left = MARK_WIDTH;
    const fold = element("button", "fold", { tabindex: "-1", type: "button", "data-act": "fold" });
    let label = mark;
    const cells = this.columns.map((column, index) => {
      const cell = element("div", `cell ${column.kind}`, { role: "gridcell", "data-column": String(index) });
      cell.style.width = `${column.width}px`;
      cell.dataset.title = column.title;
      if (index < this.pin) {
        cell.classList.add("pinned");
        cell.style.left = `${left}px`;
      }
      left += column.width;
      if (column.kind === "name") {
        const link = element("a", "run-name", { tabindex: "-1" });
        label = link;
        cell.append(fold, link);
      }
      node.append(cell);
      return cell;
    });
    return { node, place: -1, cells, dot, fold, label };
  }

  /**
   * @param {Slot} slot
   * @param {number} place
   */
  fill(slot, place) {
    const entries = /** @type {Entries} */ (this.entries);
    const { node, dot, fold } = slot;
    slot.place = place;
    const kind = entries.kind(place);
    const selected = entries.selected(place);
    const mark = entries.mark(place);
    node.id = this.rowId(place);
    node.className = `table-row ${kind}${selected ? " selected" : ""}${place === this.active ? " active" : ""}`;
    node.style.transform = `translateY(${place * this.height}px)`;
    node.setAttribute("aria-rowindex", String(place + 2));
    node.setAttribute("aria-selected", String(selected));
    node.setAttribute("aria-label", entries.name(place));
    node.dataset.place = String(place);
    node.dataset.id = entries.id(place);
    dot.hidden = !mark;
    if (mark) {
      dot.style.setProperty("--run", mark.colour);
      dot.className = `eye-dot${mark.shown ? " on" : ""}${mark.dash ? " dashed" : ""}`;
      dot.setAttribute("aria-label", mark.shown ? "Hide in charts" : "Show in charts");
      dot.setAttribute("aria-pressed", String(mark.shown));
      dot.title = mark.shown ? "Hide in charts (v)" : "Show in charts (v)";
    }
    const open = entries.open(place);
    fold.hidden = open === null;
    fold.textContent = open ? "▾" : "▸";
    fold.setAttribute("aria-label", open ? "Close" : "Open");
    // A row of a grid has no state of its own for this, so the button has it.
    fold.setAttribute("aria-expanded", String(open === true));
    for (let index = 0; index < slot.cells.length; index++) {
      const column = this.columns[index];
      const cell = entries.cell(place, column);
      const content = typeof cell === "string" ? { text: cell } : cell;
      const target = slot.cells[index];
      if (column.kind === "name") {
        target.style.paddingLeft = `${(entries.tree ? 2 : 8) + 14 * Math.min(8, entries.depth(place)) + (entries.tree && open === null ? 14 : 0)}px`;
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
      } else if (target.textContent !== content.text || target.childElementCount) {
        target.textContent = content.text;
      }
      target.title = content.hint || "";
      const tone = content.tone || "";
      if (target.dataset.tone !== tone) target.dataset.tone = tone;
    }
    if (node.parentNode !== this.body) this.body.append(node);
  }
}

/**
 * @param {string} name
 * @param {string} className
 * @param {Record<string, string>} [attributes]
 */
function element(name, className, attributes = {}) {
  const node = document.createElement(name);
  node.className = className;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
