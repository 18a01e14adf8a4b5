/** The text of a file with line numbers and the colours of its language. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";

/** The languages of file names that `highlight` knows; others are shown without colours. @type {Record<string, string>} */
const LANGUAGES = {
  py: "python", pyi: "python", ipynb: "json", json: "json", yaml: "yaml", yml: "yaml", toml: "ini", ini: "ini", cfg: "ini",
  sh: "bash", bash: "bash", md: "markdown", diff: "diff", patch: "diff", js: "javascript", mjs: "javascript", css: "css",
  html: "xml", xml: "xml", svg: "xml", sql: "sql",
}; // prettier-ignore

/** Longer texts have no colours, because colouring blocks the page. */
const LONGEST = 300_000;
const LINES = 5000;

/** @param {string} path */
function languageOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (name === "dockerfile") return "dockerfile";
  if (name === "makefile") return "makefile";
  return LANGUAGES[name.slice(name.lastIndexOf(".") + 1)] ?? "";
}

/**
 * @param {{ path: string, text: string, language?: string }} props
 */
export function SourceText({ path, text, language = languageOf(path) }) {
  const [coloured, setColoured] = useState(/** @type {{ text: string, content: string } | null} */ (null));
  const [most, setMost] = useState(LINES);
  const lines = text.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  const shown = lines.slice(0, most).join("\n");
  useEffect(() => {
    let current = true;
    if (!language || shown.length > LONGEST) return undefined;
    Promise.all([import("highlight"), import(`highlight/${language}`)]).then(
      ([{ default: highlight }, { default: grammar }]) => {
        if (!current) return;
        if (!highlight.getLanguage(language)) highlight.registerLanguage(language, grammar);
        setColoured({ text: shown, content: highlight.highlight(shown, { language, ignoreIllegals: true }).value });
      },
      () => {},
    );
    return () => {
      current = false;
    };
  }, [shown, language]);
  const numbers = lines
    .slice(0, most)
    .map((_, at) => at + 1)
    .join("\n");
  return html`<div class="source-text" tabindex="0" role="region" aria-label=${path}>
    <pre class="source-numbers" aria-hidden="true">${numbers}</pre>
    ${
      coloured?.text === shown
        ? html`<pre class="source-code"><code dangerouslySetInnerHTML=${{ __html: coloured.content }}></code></pre>`
        : html`<pre class="source-code"><code>${shown}</code></pre>`
    }
    ${lines.length > most && html`<button class="button" onClick=${() => setMost(most + 20000)}>Show more of ${lines.length} lines</button>`}
  </div>`;
}
