/** A note in Markdown, which a writer can edit in place. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.js";
import { Markdown } from "./markdown.js";
import { sentence } from "./problem.js";

/**
 * @param {{
 *   text: string, writable: boolean, onSave: (text: string) => Promise<unknown>, empty?: string,
 *   linkOf?: (name: string) => string | null, editing?: boolean, onEditing?: (editing: boolean) => void,
 * }} props `linkOf` is the address of what `[[name]]` names.
 */
export function Note({ text, writable, onSave, empty = "No note.", linkOf, editing: wanted, onEditing }) {
  const [own, setOwn] = useState(false);
  const [draft, setDraft] = useState(text);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const editing = wanted ?? own;
  const edit = (/** @type {boolean} */ now) => (onEditing ?? setOwn)(now);
  // Not after the picture: what is typed at once stays.
  useLayoutEffect(() => {
    if (!editing) return;
    setDraft(text);
    setProblem("");
    field.current?.focus();
  }, [editing]);

  const save = async () => {
    setBusy(true);
    try {
      await onSave(draft);
      edit(false);
    } catch (error) {
      setProblem(sentence(error));
    }
    setBusy(false);
  };
  if (!editing) {
    return html`<div class="note">
      ${text ? html`<${Markdown} text=${text} linkOf=${linkOf} />` : html`<p class="soft">${empty}</p>`}
      ${writable && html`<button class="button quiet icon note-edit" aria-label="Edit note" title="Edit note (e)" onClick=${() => edit(true)}><${Icon} name="edit" /></button>`}
    </div>`;
  }
  return html`<form class="note editing" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), save())}>
    <textarea
      ref=${field}
      class="field"
      aria-label="Note"
      rows=${Math.min(24, Math.max(5, draft.split("\n").length + 1))}
      value=${draft}
      placeholder="Markdown"
      onInput=${(/** @type {Event} */ event) => setDraft(/** @type {HTMLTextAreaElement} */ (event.target).value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) (event.preventDefault(), save());
        if (event.key === "Escape") (event.stopPropagation(), edit(false));
      }}
    ></textarea>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="note-buttons">
      <button class="button primary" type="submit" disabled=${busy}>Save</button>
      <button class="button" type="button" onClick=${() => edit(false)}>Cancel</button>
      <span class="soft">Markdown, <kbd>Ctrl</kbd> <kbd>Enter</kbd> saves</span>
    </div>
  </form>`;
}
