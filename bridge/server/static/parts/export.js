/** The menu that saves or copies a table. */

import { html } from "htm/preact";
import { exported, FORMATS } from "../lib/export.js";
import { copy } from "./clipboard.js";
import { Menu } from "./menu.js";

/** @typedef {import("../lib/export.js").ExportTable} ExportTable */
/** @typedef {import("../lib/export.js").ExportFormat} ExportFormat */

/**
 * @param {object} props
 * @param {() => ExportTable} props.table called when a format was chosen
 * @param {string} props.name the start of the file's name
 * @param {import("./menu.js").MenuEntry[]} [props.more] further entries
 * @param {string} [props.class]
 */
export function ExportMenu({ table, name, more = [], class: button = "button" }) {
  /** @param {ExportFormat} format */
  const save = (format) => saveText(`${fileName(name)}.${FORMATS[format].end}`, exported(table(), format), FORMATS[format].type);
  /** @param {ExportFormat} format */
  const copyAs = (format) => copy(exported(table(), format), `Copied as ${FORMATS[format].label}.`);
  const files = /** @type {ExportFormat[]} */ (["csv", "spreadsheet", "json"]);
  const texts = /** @type {ExportFormat[]} */ (["markdown", "latex"]);
  return html`<${Menu} label="Export" text="Export" icon="download" class=${button} end
    items=${[
      { title: "Save the shown rows" },
      ...files.map((format) => ({ label: FORMATS[format].label, run: () => save(format) })),
      { title: "Copy the shown rows" },
      ...texts.map((format) => ({ label: FORMATS[format].label, run: () => copyAs(format) })),
      ...(more.length ? ["line", ...more] : []),
    ]} />`;
}

/** Return a text that can be the name of a file. @param {string} name */
const fileName = (name) => name.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80) || "runs";

/**
 * Save a text as a file.
 *
 * @param {string} name
 * @param {string} text
 * @param {string} type
 */
function saveText(name, text, type) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
