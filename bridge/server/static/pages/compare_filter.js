/** The filter of the runs in parallel coordinates. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { plural } from "../lib/format.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";

/** @param {{ q: string, total: number | null, onFilter: (text: string) => void }} props */
export function FilterLine({ q, total, onFilter }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  // What was typed stays when the page is drawn again, and is replaced only by another filter.
  useEffect(() => {
    if (field.current) field.current.value = q;
  }, [q]);
  useKeys({ "/": ["Filter", () => field.current?.focus()] }, "Compare");
  /** @param {SubmitEvent} event */
  const onSubmit = (event) => {
    event.preventDefault();
    onFilter(field.current?.value ?? "");
  };
  return html`<form class="compare-filter" role="search" onSubmit=${onSubmit}>
    <label class="icon-field grow"><${Icon} name="filter" /><span class="visually-hidden">Filter runs</span>
      <input ref=${field} class="mono" defaultValue=${q} spellcheck=${false} autocomplete="off" placeholder="metrics.loss < 0.3 and params.model = 'cnn'" onBlur=${(/** @type {any} */ event) => event.currentTarget.value !== q && onFilter(event.currentTarget.value)} /></label>
    ${q ? html`<button type="button" class="button quiet icon" aria-label="Clear the filter" onClick=${() => onFilter("")}><${Icon} name="close" /></button>` : null}
    <span class="soft" role="status">${total === null ? "" : plural(total, "run")}</span>
  </form>`;
}
