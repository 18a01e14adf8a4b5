/** The content of a file, as its kind allows: text, table, tree, picture, sound, film, page, or its first bytes. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { bytes as sizeOf } from "../lib/format.js";
import { Markdown } from "./markdown.js";
import { NotebookView } from "./notebook.js";
import { Problem } from "./problem.js";
import { SourceText } from "./source.js";
import { Rows } from "./value_tables.js";
import { csvColumns, hexLines, isText, kindOf } from "../lib/content.js";
import { notebookOf } from "../lib/notebook.js";

/** The greatest number of bytes of a text that are shown. */
const MOST = 512 * 1024;

/** The same of a notebook, which contains its images. */
const MOST_NOTEBOOK = 16 * 1024 * 1024;

/** @param {string} path */
const isNotebook = (path) => path.toLowerCase().endsWith(".ipynb");

/**
 * @param {{ path: string, size: number | null, url: string, load: (from: number, to: number) => Promise<Uint8Array>, plain?: boolean }} props
 *   `plain`: only the bytes can be read, not the file as a picture or page.
 */
export function Preview({ path, size, url, load, plain = false }) {
  if (size === 0) return html`<p class="soft preview-note">The file is empty.</p>`;
  const kind = kindOf(path);
  if (plain) return html`<${Bytes} key=${path} path=${path} kind=${kind} size=${size} load=${load} />`;
  if (kind === "image") return html`<div class="preview image"><img src=${url} alt=${path} /></div>`;
  if (kind === "audio") return html`<div class="preview"><audio controls src=${url} aria-label=${path}></audio></div>`;
  if (kind === "video") return html`<div class="preview"><video controls src=${url} aria-label=${path}></video></div>`;
  if (kind === "pdf") return html`<${Document} key=${path} path=${path} size=${size} load=${load} />`;
  if (kind === "html") return html`<${Page} path=${path} url=${url} size=${size} load=${load} />`;
  return html`<${Bytes} key=${path} path=${path} kind=${kind} size=${size} load=${load} />`;
}

/** The greatest size of a PDF file that is shown. */
const MOST_PDF = 64 * 1024 * 1024;

/**
 * A PDF file in the browser's own viewer. The viewer refuses files with a sandbox, so it gets a copy in memory.
 * @param {{ path: string, size: number | null, load: (from: number, to: number) => Promise<Uint8Array> }} props
 */
function Document({ path, size, load }) {
  const [address, setAddress] = useState("");
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  useEffect(() => {
    let own = "";
    let current = true;
    load(0, Math.min(size ?? MOST_PDF, MOST_PDF)).then(
      (bytes) => {
        if (!current) return;
        own = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (bytes)], { type: "application/pdf" }));
        setAddress(own);
      },
      (error) => current && setProblem(error),
    );
    return () => {
      current = false;
      if (own) URL.revokeObjectURL(own);
    };
  }, [path, size]);
  if (problem) return html`<${Problem} error=${problem} />`;
  return address
    ? html`<iframe class="preview frame" src=${address} title=${path}></iframe>`
    : html`<div class="preview"></div>`;
}

/** An HTML file: in a frame without scripts and without our origin, or as text. */
function Page(
  /** @type {{ path: string, url: string, size: number | null, load: (from: number, to: number) => Promise<Uint8Array> }} */ {
    path,
    url,
    size,
    load,
  },
) {
  const [text, setText] = useState(false);
  return html`<div class="preview">
    <${Forms} forms=${["Page", "Text"]} at=${text ? 1 : 0} onAt=${(/** @type {number} */ at) => setText(at === 1)} />
    ${text ? html`<${Bytes} path=${path} kind="text" size=${size} load=${load} />` : html`<iframe class="frame" sandbox="" src=${url} title=${path}></iframe>`}
  </div>`;
}

/** @param {{ path: string, kind: string, size: number | null, load: (from: number, to: number) => Promise<Uint8Array> }} props */
function Bytes({ path, kind, size, load }) {
  const [content, setContent] = useState(/** @type {Uint8Array | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const [raw, setRaw] = useState(false);
  useEffect(() => {
    let current = true;
    load(0, isNotebook(path) ? MOST_NOTEBOOK : MOST).then(
      (found) => current && (setContent(found), setProblem(null)),
      (error) => current && setProblem(error),
    );
    return () => {
      current = false;
    };
  }, [path, size]);
  if (problem) return html`<${Problem} error=${problem} />`;
  if (content === null) return html`<div class="preview"></div>`;
  const cut = size !== null && content.length < size;
  if (!content.length) return html`<p class="soft preview-note">The file is empty.</p>`;
  if (kind === "binary" || !isText(content))
    return html`<div class="preview">
      <pre class="hex" aria-label=${`First bytes of ${path}`}>${hexLines(content.subarray(0, 512))}</pre>
      <p class="soft preview-note">
        The first ${Math.min(512, content.length)} bytes${size === null ? "" : ` of ${sizeOf(size)}`}.
      </p>
    </div>`;
  const text = new TextDecoder().decode(content);
  const rich = richOf(kind, path, text, cut);
  return html`<div class="preview">
    ${rich && html`<${Forms} forms=${[rich.name, "Text"]} at=${raw ? 1 : 0} onAt=${(/** @type {number} */ at) => setRaw(at === 1)} />`}
    ${rich && !raw ? rich.content : html`<${SourceText} path=${path} text=${text} />`}
    ${cut && html`<p class="soft preview-note">The first ${sizeOf(content.length)} of ${sizeOf(/** @type {number} */ (size))} are shown.</p>`}
  </div>`;
}

/** The form of a text that is more than lines. @param {string} kind @param {string} path @param {string} text @param {boolean} cut */
function richOf(kind, path, text, cut) {
  if (kind === "markdown")
    return { name: "Formatted", content: html`<div class="preview-page"><${Markdown} text=${text} /></div>` };
  if (kind === "csv") {
    const columns = csvColumns(text, path.toLowerCase().endsWith(".tsv") ? "\t" : ",", cut);
    return columns && { name: "Table", content: html`<${Rows} label=${path} columns=${columns} />` };
  }
  if (kind !== "json" || cut) return null;
  const notebook = isNotebook(path) ? notebookOf(text) : null;
  if (notebook) return { name: "Notebook", content: html`<${NotebookView} notebook=${notebook} path=${path} />` };
  try {
    return {
      name: "Tree",
      content: html`<div class="json"><${JsonNode} value=${JSON.parse(text)} open=${true} /></div>`,
    };
  } catch {
    return null;
  }
}

/** @param {{ forms: string[], at: number, onAt: (at: number) => void }} props */
function Forms({ forms, at, onAt }) {
  return html`<div class="segments" role="group" aria-label="Form">
    ${forms.map((form, place) => html`<button key=${form} aria-pressed=${place === at} onClick=${() => onAt(place)}>${form}</button>`)}
  </div>`;
}

/**
 * A value of JSON as a tree.
 * @param {{ name?: string, value: any, open?: boolean }} props
 */
export function JsonNode({ name, value, open = false }) {
  const [shown, setShown] = useState(open);
  const [most, setMost] = useState(100);
  const label = name === undefined ? "" : html`<span class="json-name">${name}</span><span class="soft">${": "}</span>`;
  if (value === null || typeof value !== "object") {
    const kind = value === null ? "null" : typeof value;
    return html`<div class="json-leaf">
      ${label}<span class=${`json-${kind}`}>${kind === "string" ? JSON.stringify(value) : String(value)}</span>
    </div>`;
  }
  const entries = Object.entries(value);
  const list = Array.isArray(value);
  const about = list ? `[${entries.length}]` : `{${entries.length}}`;
  if (!entries.length)
    return html`<div class="json-leaf">${label}<span class="soft">${list ? "[]" : "{}"}</span></div>`;
  return html`<details
    class="json-node"
    open=${shown}
    onToggle=${(/** @type {Event} */ event) => setShown(/** @type {HTMLDetailsElement} */ (event.target).open)}
  >
    <summary>${label}<span class="soft">${about}</span></summary>
    ${
      shown &&
      html`<div class="json-inside">
        ${entries.slice(0, most).map(([key, inner]) => html`<${JsonNode} key=${key} name=${key} value=${inner} open=${entries.length === 1} />`)}
        ${entries.length > most && html`<button class="button" onClick=${() => setMost(most + 1000)}>Show more of ${entries.length}</button>`}
      </div>`
    }
  </details>`;
}
