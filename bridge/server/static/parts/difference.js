/** The difference of two texts: changed lines with their neighbours, and the numbers of both sides. */

import { html } from "htm/preact";
import { useMemo, useState } from "preact/hooks";
import { counts, difference, hunks, linesOf } from "../lib/difference.js";
import { plural } from "../lib/format.js";

/** @typedef {import("../lib/difference.js").Line} Line */

const MOST_LINES = 2000; // drawn at first
const SIGNS = { same: " ", removed: "-", added: "+" };
/** @type {Record<string, string>} */
const WORDS = { removed: "removed", added: "added" };

/**
 * @param {object} props
 * @param {string} props.path
 * @param {string | null} props.left null if the left run does not have the file
 * @param {string | null} props.right
 */
export function Difference({ path, left, right }) {
  const [isWhole, setIsWhole] = useState(false);
  const [most, setMost] = useState(MOST_LINES);
  const lines = useMemo(() => difference(linesOf(left ?? ""), linesOf(right ?? "")), [left, right]);
  const parts = useMemo(() => (isWhole ? [{ left: 1, right: 1, lines }] : hunks(lines)), [lines, isWhole]);
  const { added, removed } = useMemo(() => counts(lines), [lines]);
  let room = most;
  const shown = parts.flatMap((part) => {
    const own = part.lines.slice(0, Math.max(0, room));
    room -= own.length;
    return own.length ? [{ ...part, lines: own }] : [];
  });
  return html`<div class="difference">
    <p class="difference-head">
      <span class="mono cut">${path}</span>
      <span class="added-count">+${added}</span><span class="removed-count">-${removed}</span>
      <span class="grow"></span>
      <label class="check"><input type="checkbox" checked=${isWhole} onChange=${() => setIsWhole(!isWhole)} />Whole file</label>
    </p>
    ${added + removed === 0 && !isWhole ? html`<p class="soft">The texts are equal.</p>` : null}
    <div class="difference-scroll" tabindex="0" role="group" aria-label=${`Difference of ${path}`}>
      <table class="difference-table mono">
        ${shown.map((part, at) => html`<tbody key=${at}>
          ${isWhole ? null : html`<tr class="difference-place"><td colspan="4">lines ${part.left} and ${part.right}</td></tr>`}
          ${part.lines.map((line) => html`<${Row} line=${line} />`)}
        </tbody>`)}
      </table>
    </div>
    ${room < 0 || shown.length < parts.length ? html`<button class="button small" onClick=${() => setMost(most + 10_000)}>Show more of ${plural(parts.reduce((sum, part) => sum + part.lines.length, 0), "line")}</button>` : null}
  </div>`;
}

/** @param {{ line: Line }} props */
const Row = ({ line }) =>
  html`<tr class=${line.kind}>
    <td class="line-number">${line.left ?? ""}</td>
    <td class="line-number">${line.right ?? ""}</td>
    <td class="line-sign"><span aria-hidden="true">${SIGNS[line.kind]}</span>${WORDS[line.kind] ? html`<span class="visually-hidden">${WORDS[line.kind]}</span>` : null}</td>
    <td class="line-text">${line.text}</td>
  </tr>`;
