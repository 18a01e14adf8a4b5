/** Markdown of users as safe HTML. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";

/** Attributes and tags that Markdown does not need, or that would load something from elsewhere. */
const FORBIDDEN = {
  FORBID_TAGS: ["style", "form", "input", "button", "iframe", "video", "audio", "source", "svg", "math"],
  FORBID_ATTR: ["style", "srcset", "class", "id", "name"],
  ALLOW_DATA_ATTR: false,
};

/**
 * Attributes that the content policy refuses. DOMPurify removes them, but the browser has complained by then, so they
 * lose their meaning before.
 */
const REFUSED = /([\s/"'])(on\w+|style)(?=\s*=)/gi;

/** @type {Promise<(text: string) => string> | null} */
let maker = null;

/** Load the two libraries once. */
function load() {
  maker ??= Promise.all([import("marked"), import("dompurify")]).then(([{ Marked }, { default: purify }]) => {
    const marked = new Marked({ renderer: { html: ({ text }) => text.replace(REFUSED, "$1data-$2") } });
    purify.addHook("afterSanitizeAttributes", (/** @type {Element} */ node) => {
      if (node.tagName === "A") node.setAttribute("rel", "noopener noreferrer");
      // An image of another host would tell that host who reads the note, and the content policy refuses it.
      const source = node.getAttribute("src");
      if (source !== null && !/^(data:image\/|\/(?!\/))/.test(source)) {
        const link = document.createElement("a");
        link.href = source;
        link.rel = "noopener noreferrer";
        link.textContent = node.getAttribute("alt") || source;
        node.replaceWith(link);
      }
    });
    return (text) =>
      purify.sanitize(/** @type {string} */ (marked.parse(text, { async: false, gfm: true })), FORBIDDEN);
  });
  return maker;
}

/** `[[name]]` becomes a link, if the page knows an address for the name. @param {string} text @param {((name: string) => string | null) | undefined} linkOf */
function withLinks(text, linkOf) {
  if (!linkOf) return text;
  return text.replace(/\[\[([^[\]\n]{1,250})\]\]/g, (whole, /** @type {string} */ name) => {
    const address = linkOf(name.trim());
    return address ? `[${name.trim()}](<${address}>)` : whole;
  });
}

/**
 * @param {{ text: string, linkOf?: (name: string) => string | null }} props
 */
export function Markdown({ text, linkOf }) {
  const [content, setContent] = useState(/** @type {string | null} */ (null));
  useEffect(() => {
    let current = true;
    load().then(
      (make) => current && setContent(make(withLinks(text, linkOf))),
      () => current && setContent(null),
    );
    return () => {
      current = false;
    };
  }, [text]);
  // Until the libraries are there, and if they cannot be loaded, the text itself is shown.
  if (content === null) return html`<div class="markdown plain">${text}</div>`;
  return html`<div class="markdown" dangerouslySetInnerHTML=${{ __html: content }}></div>`;
}
