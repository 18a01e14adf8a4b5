/** The tree of runs and their children. */

/**
 * Return rows of a tree in the order in which they are shown: a row, then its children if it is open.
 *
 * A row whose parent is not among the rows is a root. Rows in a circle of parents are shown as roots too, once each.
 *
 * @param {readonly string[]} ids
 * @param {readonly (string | null)[]} parents The id of each row's parent.
 * @param {(id: string) => boolean} isOpen
 * @returns {{ row: number, depth: number, children: number }[]}
 */
export function runTree(ids, parents, isOpen) {
  const rowOf = new Map(ids.map((id, row) => [id, row]));
  /** @type {Map<number, number[]>} */
  const below = new Map();
  /** @type {number[]} */
  const roots = [];
  parents.forEach((parent, row) => {
    const at = parent === null ? undefined : rowOf.get(parent);
    if (at === undefined || at === row) roots.push(row);
    else if (below.has(at)) below.get(at)?.push(row);
    else below.set(at, [row]);
  });
  /** @type {{ row: number, depth: number, children: number }[]} */
  const shown = [];
  const seen = new Set();
  /** @param {number} root */
  const walk = (root) => {
    const todo = [{ row: root, depth: 0, hidden: false }];
    for (let next = todo.pop(); next; next = todo.pop()) {
      const { row, depth, hidden } = next;
      if (seen.has(row)) continue;
      seen.add(row);
      const children = below.get(row) ?? [];
      if (!hidden) shown.push({ row, depth, children: children.length });
      const closed = hidden || !isOpen(ids[row]);
      for (const child of [...children].reverse()) todo.push({ row: child, depth: depth + 1, hidden: closed });
    }
  };
  roots.forEach(walk);
  ids.forEach((_, row) => seen.has(row) || walk(row));
  return shown;
}
