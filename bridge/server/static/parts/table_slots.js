/** The nodes of one row of a table, and what they show. */

/** @typedef {import("./table_rows.js").TableColumn} TableColumn */

/**
 * The nodes of a row. `shown` describes what each cell shows, and at -1 the rest of the row.
 * @typedef {{ node: HTMLElement, place: number, cells: HTMLElement[], dot: HTMLElement, fold: HTMLElement, label: HTMLElement,
 *   shown: Map<number, string> }} Slot
 */

export const MARK_WIDTH = 52;

/**
 * Return the nodes of a row that shows nothing yet.
 * @param {TableColumn[]} columns
 * @param {number} pin the number of columns that stay at the left
 * @returns {Slot}
 */
export function makeSlot(columns, pin) {
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
  const cells = columns.map((column, index) => {
    const cell = element("div", `cell ${column.kind}`, { role: "gridcell", "data-column": String(index) });
    cell.style.width = `${column.width}px`;
    cell.dataset.title = column.title;
    if (index < pin) {
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
  return { node, place: -1, cells, dot, fold, label, shown: new Map() };
}

/**
 * Return whether a part of a row shows something already, and remember it.
 * @param {Slot} slot
 * @param {number} part the index of a cell; -1 for the row
 * @param {object} content
 */
export function isShown(slot, part, content) {
  const text = JSON.stringify(content);
  if (slot.shown.get(part) === text) return true;
  slot.shown.set(part, text);
  return false;
}

/**
 * @param {string} name
 * @param {string} className
 * @param {Record<string, string>} [attributes]
 */
export function element(name, className, attributes = {}) {
  const node = document.createElement(name);
  node.className = className;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
