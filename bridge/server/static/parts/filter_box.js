/** The field of the filter: completes keys, comparators and values, and shows a mistake under its place. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { completionAt, keyText, literal, placeIn } from "../lib/filter.js";

/** @typedef {import("../lib/filter.js").Completion} Completion */
/** @typedef {{ text: string, hint?: string }} Option `text` is a column's name, a comparator, a value or `and` */
/** @typedef {{ sentence: string, start: number, end: number }} Mistake */

const PAUSE = 180;

/**
 * @param {object} props
 * @param {string} props.value the filter that holds
 * @param {(wanted: Completion) => Promise<Option[]>} props.complete
 * @param {(text: string) => Promise<Mistake | null>} props.check
 * @param {(text: string, done: boolean) => void} props.onFilter a filter without a mistake; `done` after Enter
 * @param {string} [props.placeholder]
 */
export function FilterBox({ value, complete, check, onFilter, placeholder }) {
  const field = useRef(/** @type {HTMLInputElement} */ (/** @type {unknown} */ (null)));
  const [text, setText] = useState(value);
  const [options, setOptions] = useState(/** @type {Option[]} */ ([]));
  const [wanted, setWanted] = useState(/** @type {Completion | null} */ (null));
  const [chosen, setChosen] = useState(-1);
  const [mistake, setMistake] = useState(/** @type {Mistake | null} */ (null));
  const turn = useRef({ timer: 0, number: 0, sent: value });

  // Another filter came from outside: a saved view, Back, a press on a value.
  useEffect(() => {
    if (value === turn.current.sent) return;
    turn.current.sent = value;
    setText(value);
    setMistake(null);
    close();
  }, [value]);

  const close = () => {
    turn.current.number++;
    setWanted(null);
    setOptions([]);
    setChosen(-1);
  };

  /** @param {string} next */
  const suggest = async (next) => {
    const number = ++turn.current.number;
    const now = completionAt(next, field.current.selectionStart ?? next.length);
    const found = await complete(now);
    if (number !== turn.current.number) return;
    setWanted(now);
    setOptions(found.filter((option) => option.text !== now.typed).slice(0, 200));
    setChosen(-1);
  };

  /**
   * @param {string} next
   * @param {boolean} done
   */
  const judge = async (next, done) => {
    clearTimeout(turn.current.timer);
    const problem = next.trim() ? await check(next).catch((error) => ({ sentence: String(error.message), start: 0, end: 0 })) : null;
    if (field.current?.value !== next) return; // the text has changed, or the page was left
    if (!problem) {
      turn.current.sent = next;
      onFilter(next, done);
    }
    // While one types, a clause that is not finished is no mistake yet.
    setMistake(done ? problem : null);
    if (problem && !done) turn.current.timer = setTimeout(() => field.current?.value === next && setMistake(problem), 900);
  };

  const typed = () => {
    const next = field.current.value;
    setText(next);
    setMistake(null);
    suggest(next);
    clearTimeout(turn.current.timer);
    turn.current.timer = setTimeout(() => judge(next, false), PAUSE);
  };

  /** @param {Option} option */
  const take = (option) => {
    if (!wanted) return;
    const insert = wanted.want === "key" ? keyText(option.text) : wanted.want === "value" ? literal(wanted.key, option.text) : option.text;
    const before = text.slice(0, wanted.start).replace(/[=<>]$/, "$& ");
    const next = `${before}${insert} ${text.slice(wanted.end).trimStart()}`;
    setText(next);
    field.current.value = next;
    const caret = before.length + insert.length + 1;
    field.current.focus();
    field.current.setSelectionRange(caret, caret);
    suggest(next);
    clearTimeout(turn.current.timer);
    turn.current.timer = setTimeout(() => judge(next, false), PAUSE);
  };

  /** @param {KeyboardEvent} event */
  const keyed = (event) => {
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      const step = event.key === "ArrowDown" ? 1 : -1;
      setChosen((before) => (before + step + options.length) % options.length);
    } else if (event.key === "Tab" && options.length && !event.shiftKey) {
      take(options[Math.max(0, chosen)]);
    } else if (event.key === "Enter" && chosen >= 0) take(options[chosen]);
    else if (event.key === "Enter") {
      close();
      judge(text, true);
    } else if (event.key === "Escape" && options.length) {
      close();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  };

  const open = options.length > 0;
  return html`<div class="filter">
    <input ref=${field} class="field filter-field" role="combobox" aria-label="Filter runs" aria-autocomplete="list"
      aria-expanded=${open} aria-controls="filter-list" aria-invalid=${mistake ? "true" : "false"}
      aria-activedescendant=${chosen >= 0 ? `filter-${chosen}` : undefined} aria-describedby=${mistake ? "filter-error" : undefined}
      autocomplete="off" spellcheck=${false} placeholder=${placeholder || "metrics.loss < 0.3 and params.model = 'cnn'"}
      value=${text} onInput=${typed} onKeyDown=${keyed} onFocus=${() => suggest(field.current.value)}
      onClick=${() => suggest(field.current.value)} onBlur=${() => close()} />
    ${text ? null : html`<kbd class="filter-key" aria-hidden="true">/</kbd>`}
    <div class="filter-list" id="filter-list" role="listbox" aria-label="Completions" hidden=${!open}>
      ${options.map(
        (option, at) => html`<div id=${`filter-${at}`} key=${option.text} role="option" class="filter-option"
          aria-selected=${at === chosen} ref=${at === chosen ? (/** @type {HTMLElement | null} */ node) => node?.scrollIntoView({ block: "nearest" }) : null}
          onMouseDown=${(/** @type {Event} */ event) => (event.preventDefault(), take(option))}>
          <span class="cut">${option.text}</span>${option.hint ? html`<span class="soft">${option.hint}</span>` : null}
        </div>`,
      )}
    </div>
    ${mistake && !open ? problemOf(text, mistake, field.current) : null}
  </div>`;
}


/**
 * @param {string} text
 * @param {Mistake} mistake
 * @param {HTMLInputElement | null} field
 */
function problemOf(text, mistake, field) {
  const start = placeIn(text, mistake.start);
  const end = Math.max(start + 1, placeIn(text, mistake.end));
  const first = Math.max(0, Math.min(start, text.length) - 60);
  return html`<div class="filter-error" id="filter-error" role="alert" style=${{ left: `${-(field?.scrollLeft || 0)}px` }}>
    <pre>${text.slice(first, first + 120)}${"\n"}${" ".repeat(start - first)}${"^".repeat(Math.min(60, end - start))}</pre>
    <span>${mistake.sentence}</span>
  </div>`;
}
