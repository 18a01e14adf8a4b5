/** What a user can do with the selected runs, on any page that has a selection. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import * as api from "../data/api.js";
import { plural } from "../lib/format.js";
import { ActionBar, DeleteDialog, TagDialog } from "../parts/actions.js";
import { copy } from "../parts/clipboard.js";
import { useKeys } from "../parts/keys.js";
import { sentence } from "../parts/problem.js";
import { toast } from "../parts/toast.js";

const MOST_COMPARED = 100;

/**
 * @typedef {object} SelectionProps
 * @property {string[]} ids the selected runs
 * @property {string} [cursor] the run under the cursor, for keys while nothing is selected
 * @property {(id: string) => string} nameOf
 * @property {string} experiment the id of the experiment, or empty for several
 * @property {boolean} isArchived whether the runs are archived
 * @property {() => void} onClear the selection ends
 * @property {() => unknown} onChanged runs were changed, and the page reads them again
 * @property {import("../parts/menu.js").MenuEntry[]} [more] further entries of the menu
 * @property {import("@preact/signals").ReadonlySignal<import("../lib/state.js").State>} state
 * @property {import("../shell.js").Shell} shell
 */

/** The bar of actions. Without a selection, only its keys work, on the run under the cursor. @param {SelectionProps} props */
export function SelectionBar({ ids, cursor = "", nameOf, experiment, isArchived, onClear, onChanged, more = [], state, shell }) {
  const dialog = useSignal(/** @type {"" | "tag" | "delete"} */ (""));
  const targets = useSignal(/** @type {string[]} */ ([]));
  const tagKeys = useSignal(/** @type {string[]} */ ([]));
  const isWriter = shell.role !== "reader";
  const chosen = () => (ids.length ? ids : cursor ? [cursor] : []);

  /** Run a change, and show its problem as a message. @param {() => Promise<unknown>} change */
  const attempt = async (change) => {
    try {
      await change();
      await onChanged();
    } catch (problem) {
      toast(sentence(problem), { kind: "problem" });
      throw problem;
    }
  };
  const compare = () => {
    const runs = chosen();
    if (runs.length > MOST_COMPARED) toast(`Only ${MOST_COMPARED} runs can be compared side by side. The first ${MOST_COMPARED} are shown.`);
    if (runs.length) shell.go(shell.href({ page: "compare", id: experiment }, { runs: runs.slice(0, MOST_COMPARED), base: runs.includes(state.value.base) ? state.value.base : "" }));
  };
  const archive = () => {
    const runs = chosen();
    if (!runs.length || isArchived) return;
    attempt(async () => {
      await api.archive(runs);
      onClear();
      toast(`Archived ${described(runs, nameOf)}.`, { undo: () => attempt(() => api.restore(runs)).catch(() => {}) });
    }).catch(() => {});
  };
  const restore = () => {
    const runs = chosen();
    attempt(async () => {
      await api.restore(runs);
      onClear();
      toast(`Restored ${described(runs, nameOf)}.`);
    }).catch(() => {});
  };
  const baseline = () => {
    const [run, ...others] = chosen();
    if (run && !others.length) shell.change({ base: state.value.base === run ? "" : run });
  };
  /** @param {"tag" | "delete"} name */
  const open = (name) => {
    targets.value = chosen();
    if (!targets.value.length) return;
    dialog.value = name;
    if (name === "tag" && experiment) api.getKeys(experiment, { entity: "tag", limit: 200 }).then(({ keys }) => (tagKeys.value = keys.map(({ key }) => key)), () => {});
  };
  /** @param {string} key @param {string} value */
  const tag = (key, value) =>
    attempt(async () => {
      await api.updateRuns(targets.value, { tags: { [key]: value } });
      toast(`Tagged ${described(targets.value, nameOf)}.`);
    });
  const remove = () =>
    attempt(async () => {
      await api.purge(targets.value);
      onClear();
      toast(`Deleted ${described(targets.value, nameOf)} permanently.`);
    });

  useKeys(
    {
      c: ["Compare the selected runs", compare],
      b: ["Baseline", baseline],
      ...(isWriter ? { t: ["Tag", () => open("tag")], "#": ["Archive, with undo", archive] } : {}),
    },
    "Selected runs",
  );
  /** @type {import("../parts/menu.js").MenuEntry[]} */
  const entries = [
    { label: "Copy ids", icon: "copy", run: () => copy(ids.join("\n"), `Copied ${plural(ids.length, "id")}.`) },
    { label: "Copy as Python", icon: "copy", run: () => copy(python(ids, shell.address), "Copied. Paste it into a notebook.") },
    ...more,
  ];
  const actions = {
    compare,
    ...(isWriter ? { tag: () => open("tag"), ...(isArchived ? { restore } : { archive }) } : {}),
    ...(ids.length === 1 ? { baseline } : {}),
    ...(shell.role === "admin" ? { remove: () => open("delete") } : {}),
  };
  const close = () => (dialog.value = "");
  return html`${ids.length ? html`<${ActionBar} count=${ids.length} actions=${actions} more=${entries} onClear=${onClear} />` : null}
    ${dialog.value === "tag" ? html`<${TagDialog} count=${targets.value.length} keys=${tagKeys.value} onSave=${tag} onClose=${close} />` : null}
    ${dialog.value === "delete" ? html`<${DeleteDialog} names=${targets.value.map(nameOf)} onDelete=${remove} onClose=${close} />` : null}`;
}

/** @param {string[]} ids @param {(id: string) => string} nameOf */
const described = (ids, nameOf) => (ids.length === 1 ? nameOf(ids[0]) : plural(ids.length, "run"));

/** Return the lines of Python that read the runs. @param {string[]} ids @param {string} address */
const python = (ids, address) => `import bridge

workspace = bridge.Workspace.open(${JSON.stringify(address)})
runs = [workspace.get_run(id) for id in ${JSON.stringify(ids)}]`;
