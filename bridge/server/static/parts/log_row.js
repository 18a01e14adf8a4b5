/** One row of a log: its number, which is a link, and its text with colours and marked finds. */

import { Component } from "preact";
import { html } from "htm/preact";
import { parseAnsi } from "../lib/ansi.js";
import { matches } from "../lib/log_lines.js";

/** @typedef {import("../lib/log_lines.js").Piece} Piece */
/** @typedef {{ piece: Piece, line: number | null, chosen: boolean, found: boolean, wanted: string, onLine: (line: number) => void }} RowProps */

/** @extends {Component<RowProps>} */
export class LogRow extends Component {
  /** @param {RowProps} next */
  shouldComponentUpdate(next) {
    const now = this.props;
    return (
      next.piece !== now.piece ||
      next.line !== now.line ||
      next.chosen !== now.chosen ||
      next.found !== now.found ||
      next.wanted !== now.wanted
    );
  }

  /** @param {RowProps} props */
  render({ piece, line, chosen, found, wanted, onLine }) {
    const name = `log-row${chosen ? " chosen" : ""}${found ? " found" : ""}`;
    return html`<div class=${name} data-at=${piece.at}>
      ${
        piece.first && line !== null
          ? html`<a
              class="log-number"
              href=${`#L${line}`}
              tabindex="-1"
              aria-label=${`Line ${line}`}
              data-line=${line}
              onClick=${(/** @type {Event} */ event) => {
                event.preventDefault();
                onLine(line);
              }}
            ></a>`
          : html`<span class="log-number" data-line=${piece.first ? "" : "⋯"}></span>`
      }
      <span class="log-text"
        >${textOf(piece.text, wanted)}${piece.last ? "" : piece.text.length > 1000 ? html`<span class="log-cut"> ⋯</span>` : ""}</span
      >
    </div>`;
  }
}

/** The text with its colours, and with the finds as marks. @param {string} text @param {string} wanted */
function textOf(text, wanted) {
  if (!text.includes("\u001b") && !wanted) return text;
  const spans = text.includes("\u001b") ? parseAnsi(text) : [{ text, classes: "" }];
  const marks = wanted ? matches(spans.map((span) => span.text).join(""), wanted) : [];
  let start = 0;
  return spans.map((span, at) => {
    const content = marked(span.text, start, marks);
    start += span.text.length;
    return span.classes || span.style
      ? html`<span key=${at} class=${span.classes} style=${span.style}>${content}</span>`
      : content;
  });
}

/** @param {string} text @param {number} start its place in the line @param {[number, number][]} marks */
function marked(text, start, marks) {
  const inside = marks.filter(([from, to]) => from < start + text.length && to > start);
  if (!inside.length) return text;
  const parts = [];
  let at = 0;
  for (const [from, to] of inside) {
    const [low, high] = [Math.max(0, from - start), Math.min(text.length, to - start)];
    if (low > at) parts.push(text.slice(at, low));
    parts.push(html`<mark>${text.slice(low, high)}</mark>`);
    at = high;
  }
  return [...parts, text.slice(at)];
}
