/** The note of one run, written in a dialog. */

import { html } from "htm/preact";
import { useRef, useState } from "preact/hooks";
import { updateRuns } from "../data/edits.js";
import { Dialog } from "../parts/dialog.js";
import { sentence } from "../parts/problem.js";
import { toast } from "../parts/toast.js";

/** @param {{ run: string, name: string, text: string, onSaved: () => unknown, onClose: () => void }} props */
export function NoteDialog({ run, name, text, onSaved, onClose }) {
  const [isBusy, setIsBusy] = useState(false);
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const save = async (/** @type {Event} */ event) => {
    event.preventDefault();
    setIsBusy(true);
    try {
      await updateRuns([run], { description: field.current?.value ?? "" });
      await onSaved();
      onClose();
    } catch (problem) {
      setIsBusy(false);
      toast(sentence(problem), { kind: "problem" });
    }
  };
  return html`<${Dialog} label=${`Note of ${name}`} onClose=${onClose}>
    <form onSubmit=${save}>
      <div class="dialog-content">
        <textarea ref=${field} class="field note-field" rows="8" aria-label="Note" placeholder="Markdown" autofocus defaultValue=${text}></textarea>
      </div>
      <div class="dialog-actions">
        <button class="button" type="button" onClick=${onClose}>Cancel</button>
        <button class="button primary" type="submit" disabled=${isBusy}>Save</button>
      </div>
    </form>
  <//>`;
}
