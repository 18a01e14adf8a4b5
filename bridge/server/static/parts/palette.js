/** The palette: it finds experiments, runs, metrics, pages and commands. */

import { html } from "htm/preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { find } from "../lib/match.js";
import { Dialog } from "./dialog.js";
import { Caps } from "./key_sheet.js";
import { listKeys, registrations } from "./keys.js";
import { SearchList } from "./search_list.js";

/** @typedef {import("./search_list.js").Row} Row */
/** @typedef {{ text: string, hint?: any, icon: string, go: () => unknown }} Place */
/** @typedef {{ title: string, places: Place[] }} Section */

const PAUSE_MS = 120;

/** Return the commands of the shown page, which are those with a key. @returns {Place[]} */
const commands = () =>
  [...listKeys()].flatMap(([, rows]) =>
    rows
      .filter((row) => row.name !== "Ctrl+k" && !/^(Arrow|Shift\+|Enter|Escape|j\b|k\b)/.test(row.name))
      .map((row) => ({
        text: row.label,
        hint: html`<${Caps} name=${row.name} />`,
        icon: "arrow",
        go: () => row.run(new KeyboardEvent("keydown"), row.name.split(" / ")[0]),
      })),
  );

/** @param {readonly Section[]} sections @param {string} text @param {(place: Place) => void} go @returns {Row[]} */
const rowsOf = (sections, text, go) =>
  sections.flatMap(({ title, places }) => {
    const found = find(places, text, (place) => place.text);
    const rows = found.map(({ item, marks }) => ({ ...item, marks, pick: () => go(item) }));
    return rows.length ? [{ title }, ...rows] : [];
  });

/**
 * @param {object} props
 * @param {(text: string, signal: AbortSignal) => Promise<Section[]>} props.search Finds places on the server.
 * @param {readonly Place[]} props.pages
 * @param {() => void} props.onClose
 */
export function Palette({ search, pages, onClose }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState(/** @type {{ text: string, sections: Section[] }} */ ({ text: "", sections: [] }));
  const [problem, setProblem] = useState("");
  const known = useMemo(commands, [registrations.value]);
  useEffect(() => {
    const abort = new AbortController();
    const ask = () =>
      search(text.trim(), abort.signal).then(
        (sections) => abort.signal.aborted || (setFound({ text, sections }), setProblem("")),
        (error) => abort.signal.aborted || setProblem(error.message),
      );
    const timer = setTimeout(ask, text ? PAUSE_MS : 0);
    return () => (clearTimeout(timer), abort.abort());
  }, [text]);
  /** @param {Place} place */
  const go = (place) => {
    onClose();
    // The dialog gives the focus back first.
    setTimeout(place.go);
  };
  const rows = useMemo(() => {
    // The server finds places by more than their names, so all of its places for this text are shown. Until it has
    // answered, those of an earlier text are shown if their names match.
    const served = rowsOf(found.sections, found.text === text ? "" : text, go).map((row) => ({ ...row, marks: find([row], text, ({ text: name = "" }) => name)[0]?.marks }));
    return [...served, ...rowsOf([{ title: "Pages", places: [...pages] }, { title: "Commands", places: known }], text, go)];
  }, [found, text, known]);
  return html`<${Dialog} label="Go to" plain onClose=${onClose} class="palette">
    <${SearchList}
      label="Find runs, experiments, metrics and commands"
      text=${text}
      onText=${setText}
      rows=${rows}
      onClose=${onClose}
      none=${problem || "Nothing found."}
      foot=${html`<span><kbd>↑</kbd><kbd>↓</kbd> choose</span><span><kbd>Enter</kbd> go</span><span><kbd>Esc</kbd> close</span>`}
    />
  <//>`;
}
