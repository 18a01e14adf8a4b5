/** Saved views of an experiment: states with a name, private in this browser or shared as tags of the experiment. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import * as api from "../data/api.js";
import { parse, print } from "../lib/state.js";
import { copyLink } from "../parts/clipboard.js";
import { sentence } from "../parts/problem.js";
import { toast } from "../parts/toast.js";
import { ViewsMenu } from "../parts/views_menu.js";

/** @typedef {{ name: string, state: string }} Stored */

/** @param {string} workspace @param {string} experiment */
const place = (workspace, experiment) => `runbridge.views.${workspace}.${experiment}`;

/** @param {string} at @returns {Stored[]} */
function readPrivate(at) {
  try {
    const views = JSON.parse(localStorage.getItem(at) ?? "[]");
    return Array.isArray(views) ? views.filter((view) => typeof view?.name === "string" && typeof view.state === "string") : [];
  } catch {
    return [];
  }
}

/** Return the text of a state as a view keeps it: without its name and without the theme. @param {import("../lib/state.js").State} state */
const printView = (state) => print({ ...state, view: "", theme: "" });

/**
 * @param {object} props
 * @param {string} props.experiment
 * @param {import("@preact/signals").ReadonlySignal<import("../lib/state.js").State>} props.state
 * @param {import("../shell.js").Shell} props.shell
 * @param {string} [props.class] the classes of the button
 */
export function SavedViews({ experiment, state, shell, class: button }) {
  const at = place(shell.workspace, experiment);
  const own = useSignal(/** @type {Stored[]} */ (readPrivate(at)));
  const shared = useSignal(/** @type {Stored[]} */ ([]));
  const load = () => api.getViews(experiment).then((/** @type {Stored[]} */ views) => (shared.value = views), () => {});
  useEffect(() => {
    own.value = readPrivate(at);
    load();
  }, [experiment]);

  const name = state.value.view;
  const all = [...own.value.map((view) => ({ ...view, isShared: false })), ...shared.value.map((view) => ({ ...view, isShared: true }))];
  const current = all.find((view) => view.name === name);
  useEffect(() => {
    // The address may have a name only: what it does not contain comes from the view.
    if (current) shell.saved.value = parse(current.state);
  }, [current?.state]);

  /** @param {Stored[]} views */
  const keep = (views) => {
    own.value = views;
    localStorage.setItem(at, JSON.stringify(views));
  };
  /** @param {string} title @param {boolean} isShared */
  const save = async (title, isShared) => {
    const view = { name: title, state: printView(state.value) };
    try {
      if (isShared) {
        await api.putView(experiment, title, view.state);
        await load();
      } else keep([...own.value.filter((one) => one.name !== title), view]);
      shell.go(hrefOf(view));
      toast(isShared ? `The view ${title} is shared.` : `The view ${title} is saved in this browser.`);
    } catch (problem) {
      toast(sentence(problem), { kind: "problem" });
    }
  };
  /** @param {{ name: string, isShared: boolean }} view */
  const remove = async (view) => {
    try {
      if (view.isShared) {
        await api.deleteView(experiment, view.name);
        await load();
      } else keep(own.value.filter((one) => one.name !== view.name));
      if (view.name === name) shell.change({ view: "" });
    } catch (problem) {
      toast(sentence(problem), { kind: "problem" });
    }
  };
  /** @param {Stored} view */
  const hrefOf = (view) => shell.href({ page: "experiment", id: experiment }, { ...parse(view.state), view: view.name });
  const isChanged = current !== undefined && printView(state.value) !== printView(parse(current.state));
  return html`<${ViewsMenu} views=${all.map((view) => ({ name: view.name, isShared: view.isShared, href: hrefOf(view) }))}
    current=${name} isChanged=${isChanged} canShare=${shell.role !== "reader"} onSave=${save} onDelete=${remove} onCopy=${() => copyLink()} class=${button ?? "button"} />`;
}
