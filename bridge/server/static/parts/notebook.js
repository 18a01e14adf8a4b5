/** A Jupyter notebook: its cells with their outputs, without running anything. */

import { html } from "htm/preact";
import { Markdown } from "./markdown.js";
import { SourceText } from "./source.js";

/** @typedef {import("../lib/notebook.js").Notebook} Notebook */
/** @typedef {import("../lib/notebook.js").Cell} Cell */

/** @param {{ notebook: Notebook, path: string }} props */
export function NotebookView({ notebook, path }) {
  return html`<ol class="notebook" aria-label=${`Cells of ${path}`}>
    ${notebook.cells.map((cell, at) => html`<${CellView} key=${at} cell=${cell} language=${notebook.language} path=${`${path}, cell ${at + 1}`} />`)}
  </ol>`;
}

/** @param {{ cell: Cell, language: string, path: string }} props */
function CellView({ cell, language, path }) {
  if (cell.kind === "markdown") return html`<li class="cell"><${Markdown} text=${cell.text} /></li>`;
  return html`<li class="cell code">
    <span class="cell-count soft">${cell.kind === "code" ? `[${cell.count ?? " "}]` : ""}</span>
    <div class="cell-main">
      ${cell.text && html`<${SourceText} path=${path} text=${cell.text} language=${cell.kind === "code" && language === "python" ? "python" : ""} />`}
      ${cell.outputs.map((output) =>
        output.kind === "image"
          ? html`<img src=${output.address} alt=${`Output of ${path}`} />`
          : html`<pre class=${output.kind === "error" ? "cell-output bad" : "cell-output"}>${output.text.trimEnd()}</pre>`,
      )}
    </div>
  </li>`;
}
