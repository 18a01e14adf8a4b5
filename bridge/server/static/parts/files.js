/** A tree of files and folders with their sizes. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import { bytes } from "../lib/format.js";
import { Icon } from "./icon.js";

/** @typedef {{ path: string, name: string, folder: boolean, size: number | null }} Entry */
/** @typedef {Map<string, Entry[]>} Folders The entries of each folder that is known, by the folder's path. */

/**
 * The visible rows of a tree.
 * @param {Folders} folders
 * @param {Set<string>} open
 * @param {string} folder
 * @param {number} depth
 * @returns {{ entry: Entry, depth: number }[]}
 */
function visible(folders, open, folder = "", depth = 0) {
  return (folders.get(folder) ?? []).flatMap((entry) => [
    { entry, depth },
    ...(entry.folder && open.has(entry.path) ? visible(folders, open, entry.path, depth + 1) : []),
  ]);
}

/** Folders first, then by name, as people expect. @param {Entry[]} entries */
export const inOrder = (entries) =>
  [...entries].sort(
    (a, b) => Number(b.folder) - Number(a.folder) || a.name.localeCompare(b.name, "en", { numeric: true }),
  );

/** The folders of a list of all files. @param {{ path: string, size: number | null }[]} files @returns {Folders} */
export function foldersOf(files) {
  /** @type {Map<string, Map<string, Entry>>} */
  const found = new Map([["", new Map()]]);
  for (const { path, size } of files) {
    const parts = path.split("/");
    parts.forEach((name, at) => {
      const folder = parts.slice(0, at).join("/");
      const own = parts.slice(0, at + 1).join("/");
      const entries = found.get(folder) ?? new Map();
      found.set(folder, entries);
      const isFolder = at < parts.length - 1;
      const known = entries.get(own);
      entries.set(own, { path: own, name, folder: isFolder, size: isFolder ? (known?.size ?? 0) + (size ?? 0) : size });
    });
  }
  return new Map([...found].map(([folder, entries]) => [folder, inOrder([...entries.values()])]));
}

/**
 * @param {{
 *   label: string, folders: Folders, open: Set<string>, chosen: string,
 *   onToggle: (path: string) => void, onChoose: (path: string) => void,
 * }} props
 */
export function FileTree({ label, folders, open, chosen, onToggle, onChoose }) {
  const [most, setMost] = useState(500);
  const rows = visible(folders, open);
  const at = Math.max(
    0,
    rows.findIndex((row) => row.entry.path === chosen),
  );
  /** @param {KeyboardEvent} event */
  const onKey = (event) => {
    const item = /** @type {HTMLElement} */ (event.target).closest("[role=treeitem]");
    const place = Number(item?.getAttribute("data-at") ?? -1);
    const row = rows[place];
    if (!row) return;
    const to =
      event.key === "ArrowDown" || event.key === "j"
        ? place + 1
        : event.key === "ArrowUp" || event.key === "k"
          ? place - 1
          : event.key === "Home"
            ? 0
            : event.key === "End"
              ? rows.length - 1
              : place;
    const isOpen = open.has(row.entry.path);
    if (
      (event.key === "ArrowRight" && row.entry.folder && !isOpen) ||
      (event.key === "ArrowLeft" && row.entry.folder && isOpen)
    )
      onToggle(row.entry.path);
    else if (event.key === "Enter" || event.key === " ")
      row.entry.folder ? onToggle(row.entry.path) : onChoose(row.entry.path);
    else if (to === place) return;
    else /** @type {HTMLElement | null | undefined} */ (item?.parentElement?.children[to])?.focus();
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="tree-ground">
    <div class="tree" role="tree" aria-label=${label} onKeyDown=${onKey}>
      ${rows.slice(0, most).map(
        ({ entry, depth }, place) =>
          html`<div
            key=${entry.path}
            role="treeitem"
            class=${`tree-row${entry.path === chosen ? " chosen" : ""}`}
            data-at=${place}
            data-path=${entry.path}
            aria-level=${depth + 1}
            aria-selected=${entry.path === chosen}
            aria-expanded=${entry.folder ? open.has(entry.path) : undefined}
            tabindex=${place === at ? 0 : -1}
            style=${{ paddingLeft: `${8 + depth * 14}px` }}
            title=${entry.path}
            onClick=${() => (entry.folder ? onToggle(entry.path) : onChoose(entry.path))}
          >
            <span class="tree-turn" aria-hidden="true"
              >${entry.folder ? html`<${Icon} name=${open.has(entry.path) ? "down" : "right"} />` : ""}</span
            >
            <${Icon} name=${entry.folder ? "folder" : "file"} />
            <span class="tree-name">${entry.name}</span>
            <span class="tree-size">${entry.size === null ? "" : bytes(entry.size)}</span>
          </div>`,
      )}
    </div>
    ${rows.length > most && html`<button class="button" onClick=${() => setMost(most + 2000)}>Show more of ${rows.length} entries</button>`}
  </div>`;
}
