/** Trees: of the parts of paths, and of runs and their children. */

/**
 * @template T
 * @typedef {object} Branch
 * @property {string} name The last part of the path.
 * @property {string} path
 * @property {boolean} isFolder
 * @property {T | null} item The item with this path, if one has it.
 * @property {Branch<T>[]} children Folders first, then by name.
 */

const byName = new Intl.Collator("en", { numeric: true });

/**
 * Return the tree of paths. A path that ends with `/` is a folder.
 *
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => string} pathOf
 * @returns {Branch<T>[]}
 */
export function pathTree(items, pathOf) {
  /** @type {Branch<T>} */
  const root = { name: "", path: "", isFolder: true, item: null, children: [] };
  /** @type {Map<string, Branch<T>>} */
  const known = new Map([["", root]]);
  /** @param {string} path @returns {Branch<T>} */
  const find = (path) => {
    const found = known.get(path);
    if (found) return found;
    const slash = path.lastIndexOf("/");
    /** @type {Branch<T>} */
    const branch = { name: path.slice(slash + 1), path, isFolder: false, item: null, children: [] };
    known.set(path, branch);
    const parent = find(path.slice(0, Math.max(0, slash)));
    parent.isFolder = true;
    parent.children.push(branch);
    return branch;
  };
  for (const item of items) {
    const path = pathOf(item);
    const branch = find(path.replace(/\/+/g, "/").replace(/^\/|\/$/g, ""));
    branch.item = item;
    if (path.endsWith("/")) branch.isFolder = true;
  }
  for (const branch of known.values())
    branch.children.sort(
      (one, two) => Number(two.isFolder) - Number(one.isFolder) || byName.compare(one.name, two.name) || (one.name < two.name ? -1 : 1),
    );
  return root.children;
}

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
