/** The note of an experiment: Markdown with links to runs, edited beside its preview. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import * as api from "../data/api.js";
import { clauseText } from "../lib/filter.js";
import { Icon } from "../parts/icon.js";
import { useKeys } from "../parts/keys.js";
import { Markdown } from "../parts/markdown.js";
import { Empty, Problem, sentence } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { ExperimentTabs } from "./experiment_tabs.js";

const { getExperiment, getTable } = api;
const WAIT_MS = 200; // after the last key, before the preview follows
const MOST_LINKS = 60;

/** @param {import("../shell.js").PageProps} props */
export default function Notes({ route, shell }) {
  const experiment = useSignal(/** @type {any} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const draft = useSignal(/** @type {string | null} */ (null));
  const isBusy = useSignal(false);
  const links = useSignal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  const isWriter = shell.role !== "reader";

  const load = () => getExperiment(route.id).then((found) => ([experiment.value, error.value] = [found, null]), (problem) => (error.value = problem));
  useEffect(() => {
    load();
  }, [route.id]);
  useEffect(() => {
    if (!experiment.value) return;
    shell.header.value = { title: experiment.value.name };
  }, [experiment.value]);

  const text = draft.value ?? experiment.value?.note ?? "";
  useEffect(() => {
    let isOld = false;
    const timer = setTimeout(() => resolve(text, route.id, links.peek()).then((found) => { if (!isOld) links.value = found; }, () => {}), draft.value === null ? 0 : WAIT_MS);
    return () => {
      isOld = true;
      clearTimeout(timer);
    };
  }, [text]);

  const edit = () => {
    if (!isWriter || draft.value !== null || !experiment.value) return;
    draft.value = experiment.value.note ?? "";
    requestAnimationFrame(() => field.current?.focus());
  };
  const save = async () => {
    if (draft.value === null || isBusy.value) return;
    isBusy.value = true;
    try {
      await api.updateExperiment(route.id, { note: draft.value });
      experiment.value = { ...experiment.value, note: draft.value };
      draft.value = null;
      toast("The note is saved.");
    } catch (problem) {
      toast(sentence(problem), { kind: "problem" });
    }
    isBusy.value = false;
  };
  useKeys(isWriter ? { e: ["Edit the note", edit], "Ctrl+Enter": ["Save the note", save], "Ctrl+s": ["Save the note", save] } : {}, "Notes");

  if (error.value) return html`<${Problem} error=${error.value} retry=${load} />`;
  if (!experiment.value) return html`<div class="notes" aria-busy="true"></div>`;
  /** @param {string} name */
  const linkOf = (name) => {
    const id = links.value.get(name);
    return id ? shell.href({ page: "run", id }) : null;
  };
  const preview = html`<${Markdown} key=${[...links.value].join()} text=${text} linkOf=${linkOf} />`;
  const tabs = html`<${ExperimentTabs} id=${route.id} runs=${experiment.value.runs} current="notes" shell=${shell} />`;
  if (draft.value === null) {
    return html`${tabs}<div class="notes">
      <article class="notes-page" aria-label="Note of the experiment">
        ${isWriter ? html`<button class="button notes-edit" onClick=${edit} title="Edit note (e)"><${Icon} name="edit" />Edit note</button>` : null}
        ${text.trim() ? preview : html`<${Empty} title="No note yet">${isWriter ? "Write what this experiment is about: press e. [[name]] becomes a link to the run with this name." : "Nobody has written what this experiment is about."}<//>`}
      </article>
    </div>`;
  }
  return html`${tabs}<form class="notes notes-editor" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), save())}>
    <div class="notes-bar">
      <span class="soft">Markdown. <code>[[name]]</code> is a link to a run.</span>
      <span class="grow"></span>
      <button class="button" type="button" onClick=${() => (draft.value = null)}>Cancel</button>
      <button class="button primary" type="submit" disabled=${isBusy.value} title="Save (Ctrl Enter)">Save</button>
    </div>
    <textarea ref=${field} class="field notes-field mono" aria-label="Note" value=${draft.value} spellcheck=${true}
      onInput=${(/** @type {any} */ event) => (draft.value = event.currentTarget.value)}></textarea>
    <section class="notes-page" aria-label="Preview" tabindex="0">${text.trim() ? preview : html`<p class="soft">The preview.</p>`}</section>
  </form>`;
}

/**
 * Return the ids of the runs that a note names, by name. If several runs have a name, the newest counts.
 *
 * @param {string} text
 * @param {string} experiment
 * @param {ReadonlyMap<string, string>} known
 */
async function resolve(text, experiment, known) {
  const names = [...new Set([...text.matchAll(/\[\[([^[\]\n]{1,250})\]\]/g)].map((found) => found[1].trim()))];
  const missing = names.filter((name) => !known.has(name)).slice(0, MOST_LINKS);
  if (!missing.length) return known;
  const found = new Map(known);
  await Promise.all(
    missing.map(async (name) => {
      const q = clauseText("name", "=", name);
      const { ids } = await getTable(experiment, { q, cols: ["name"], sort: "-start_time", limit: 1 });
      if (ids.length) found.set(name, ids[0]);
    }),
  );
  return found.size > known.size ? found : known;
}
