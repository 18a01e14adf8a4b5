/** The text of a file with line numbers and the colours of its language. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { coloured, languageOf } from "../lib/languages.js";

/** Longer texts have no colours, because colouring blocks the page. */
const LONGEST = 300_000;
const LINES = 5000;

/** Fill a node with a text in colours. @param {HTMLElement} node @param {string} text @param {string} language */
function fill(node, text, language) {
  node.replaceChildren(...coloured(text, language).map(([kind, piece]) => {
    if (!kind) return piece;
    const span = document.createElement("span");
    span.className = `code-${kind}`;
    span.textContent = piece;
    return span;
  }));
}

/**
 * @param {{ path: string, text: string, language?: string }} props
 */
export function SourceText({ path, text, language = languageOf(path) }) {
  const code = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));
  const [most, setMost] = useState(LINES);
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  const shown = lines.slice(0, most).join("\n");
  useLayoutEffect(() => fill(code.current, shown, shown.length > LONGEST ? "" : language), [shown, language]);
  const numbers = lines
    .slice(0, most)
    .map((_, at) => at + 1)
    .join("\n");
  return html`<div class="source-text" tabindex="0" role="region" aria-label=${path}>
    <pre class="source-numbers" aria-hidden="true">${numbers}</pre>
    <pre class="source-code"><code ref=${code}></code></pre>
    ${lines.length > most && html`<button class="button" onClick=${() => setMost(most + 20000)}>Show more of ${lines.length} lines</button>`}
  </div>`;
}
