/** The tags of a run, which a writer can add and remove. */

import { html } from "htm/preact";
import { useState } from "preact/hooks";
import * as api from "../data/api.js";
import { Icon } from "../parts/icon.js";
import { sentence } from "../parts/problem.js";
import { toast } from "../parts/toast.js";

/** @param {{ run: any, tags: [string, string | null][], writable: boolean, onChange: () => unknown }} props */
export function Tags({ run, tags, writable, onChange }) {
  const [adding, setAdding] = useState(false);
  if (!tags.length && !writable) return null;
  /** @param {Record<string, string | null>} changes @param {string[]} removed */
  const change = async (changes, removed = []) => {
    setAdding(false);
    try {
      await api.updateRuns([run.id], { tags: changes, remove_tags: removed });
      await onChange();
    } catch (error) {
      toast(sentence(error), { kind: "problem" });
    }
  };
  const add = (/** @type {string} */ text) => {
    const at = text.search(/[:=]/);
    const key = (at < 0 ? text : text.slice(0, at)).trim();
    if (key) change({ [key]: at < 0 ? "" : text.slice(at + 1).trim() });
    else setAdding(false);
  };
  return html`<section class="run-tags" aria-label="Tags">
    <h2>Tags</h2>
    ${tags.map(
      ([key, value]) =>
        html`<span class="chip" key=${key} title=${`${key}: ${value ?? ""}`}
          ><span class="soft">${key}</span>${value ? html`<span class="cut">${value}</span>` : ""}
          ${writable && html`<button class="chip-close" aria-label=${`Remove tag ${key}`} onClick=${() => change({}, [key])}><${Icon} name="close" /></button>`}
        </span>`,
    )}
    ${
      writable &&
      (adding
        ? html`<input
            class="field tag-field"
            aria-label="New tag"
            placeholder="key: value"
            ref=${(/** @type {HTMLInputElement | null} */ field) => field?.focus()}
            onBlur=${() => setAdding(false)}
            onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
              if (event.key === "Enter") add(/** @type {HTMLInputElement} */ (event.target).value);
              if (event.key === "Escape") (event.stopPropagation(), setAdding(false));
            }}
          />`
        : html`<button
            class="button quiet small icon"
            aria-label="Add tag"
            title="Add a tag"
            onClick=${() => setAdding(true)}
          >
            <${Icon} name="plus" />
          </button>`)
    }
  </section>`;
}
