/** The picker of columns: searches all keys of an experiment, of which there may be thousands. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Dialog } from "./dialog.js";

/** @typedef {{ id: string, title: string, about: string, statistics: boolean }} Choice a column that can be shown */

const ROW = 28;
const SHOWN = 14;
const STATISTICS = ["last", "min", "max", "first"];

/**
 * @param {object} props
 * @param {string[]} props.chosen the names of the columns that are shown, in order
 * @param {(text: string) => Promise<Choice[]>} props.find the columns whose name contains a text
 * @param {(id: string, on: boolean) => void} props.onChange
 * @param {() => void} props.onReset
 * @param {string} [props.first] what it looks for first
 * @param {() => void} props.onClose
 */
export function ColumnPicker({ chosen, find, onChange, onReset, first: start = "", onClose }) {
  const [text, setText] = useState(start);
  const [choices, setChoices] = useState(/** @type {Choice[]} */ ([]));
  const [at, setAt] = useState(0);
  const [top, setTop] = useState(0);
  const list = useRef(/** @type {HTMLElement} */ (/** @type {unknown} */ (null)));

  useEffect(() => {
    let current = true;
    const timer = setTimeout(async () => {
      const found = await find(text);
      if (!current) return;
      const order = new Map(chosen.map((id, place) => [id, place]));
      const first = (/** @type {Choice} */ choice) => order.get(choice.id) ?? 1e9;
      setChoices(text ? found : [...found].sort((one, other) => first(one) - first(other)));
      setAt(0);
      if (list.current) list.current.scrollTop = 0;
    }, text ? 80 : 0);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [text]);

  /** @param {KeyboardEvent} event */
  const keyed = (event) => {
    const step = /** @type {Record<string, number>} */ ({ ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 })[event.key];
    if (step) {
      const next = Math.min(choices.length - 1, Math.max(0, at + step));
      setAt(next);
      const { current } = list;
      if (next * ROW < current.scrollTop) current.scrollTop = next * ROW;
      if ((next + 1) * ROW > current.scrollTop + current.clientHeight) current.scrollTop = (next + 1) * ROW - current.clientHeight;
    } else if (event.key === "Enter" && choices[at]) onChange(choices[at].id, !chosen.includes(choices[at].id));
    else return;
    event.preventDefault();
  };

  const first = Math.max(0, Math.floor(top / ROW) - 4);
  const visible = choices.slice(first, first + SHOWN + 8);
  return html`<${Dialog} label="Columns" onClose=${onClose} class="column-picker">
    <div class="search-list">
      <div class="search-field">
        <input type="text" role="combobox" aria-label="Find a column" aria-expanded="true" aria-controls="column-list" autofocus
          aria-activedescendant=${choices[at] ? `column-${at}` : undefined} placeholder="Find a column, or loss:min, or loss:@100" autocomplete="off" spellcheck=${false}
          value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} onKeyDown=${keyed} />
        <span class="count">${choices.length}</span>
      </div>
      <div class="search-rows" id="column-list" role="listbox" aria-label="Columns" aria-multiselectable="true" ref=${list}
        tabindex="-1" onScroll=${(/** @type {any} */ event) => setTop(event.target.scrollTop)}>
        <div role="presentation" style=${{ height: `${choices.length * ROW}px` }}></div>
        ${visible.map((choice, index) => {
          const place = first + index;
          const on = chosen.includes(choice.id);
          return html`<div key=${choice.id} id=${`column-${place}`} role="option" aria-selected=${on} aria-setsize=${choices.length}
            aria-posinset=${place + 1} class=${`search-row in-window column-row${place === at ? " at" : ""}`} style=${{ top: `${place * ROW}px` }}
            onClick=${() => (setAt(place), onChange(choice.id, !on))}>
            <span class=${`column-check${on ? " on" : ""}`} aria-hidden="true"></span>
            <span class="cut">${choice.title}</span>
            ${choice.statistics ? statistics(choice, chosen, onChange) : null}
            <span class="search-hint">${choice.about}</span>
          </div>`;
        })}
        ${choices.length ? null : html`<p class="search-none">${text.endsWith("@") ? "Type the number of the step." : "No column has this in its name."}</p>`}
      </div>
      <div class="search-foot">
        <span>${chosen.length} shown</span><span>↑ ↓ move</span><span>Enter shows or hides</span>
        <button type="button" class="button small column-reset" onClick=${onReset}>Choose for me</button>
      </div>
    </div>
  <//>`;
}

/**
 * The other statistics of a metric, as small switches.
 * @param {Choice} choice
 * @param {string[]} chosen
 * @param {(id: string, on: boolean) => void} onChange
 */
const statistics = (choice, chosen, onChange) =>
  html`<span class="column-statistics" aria-hidden="true">
    ${STATISTICS.slice(1).map((name) => {
      const id = `${choice.id}:${name}`;
      const on = chosen.includes(id);
      return html`<span class=${`column-statistic${on ? " on" : ""}`} title=${`${choice.title}, ${name}`}
        onClick=${(/** @type {Event} */ event) => (event.stopPropagation(), onChange(id, !on))}>${name}</span>`;
    })}
  </span>`;
