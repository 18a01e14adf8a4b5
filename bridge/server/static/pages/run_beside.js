/** Other runs whose lines are drawn in the charts of a run, too. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { runColour } from "../lib/colour.js";
import { Icon } from "../parts/icon.js";
import { Picker } from "../parts/picker.js";

/** @typedef {{ id: string, name: string, number: number }} OtherRun */

/** The greatest number of other runs, and of runs that can be chosen. */
const MOST = 9;
const CHOICES = 1000;

/** @param {string} experiment @param {Record<string, any>} asked @returns {Promise<OtherRun[]>} */
async function namesOf(experiment, asked) {
  const table = await api.getTable(experiment, { cols: ["name"], ...asked });
  const { words, values } = table.columns.name;
  return table.ids.map((id, at) => ({ id, number: table.numbers[at], name: words?.[values[at]] || id.slice(0, 8) }));
}

/**
 * The runs that the address names beside the run of the page.
 * @param {any} run
 * @param {string[]} ids
 */
export function useBeside(run, ids) {
  const [others, setOthers] = useState(/** @type {OtherRun[]} */ ([]));
  const wanted = ids.filter((id) => id !== run.id).slice(0, MOST);
  useEffect(() => {
    let current = true;
    if (!wanted.length) setOthers([]);
    else
      namesOf(run.experiment.id, { ids: wanted, view: "all" }).then(
        (found) => current && setOthers(found),
        () => {},
      );
    return () => {
      current = false;
    };
  }, [run.id, wanted.join()]);
  return others;
}

/**
 * The choice of other runs, and a mark for each of them.
 * @param {{ run: any, others: OtherRun[], state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell }} props
 */
export function Beside({ run, others, state, shell }) {
  const [choices, setChoices] = useState(/** @type {OtherRun[]} */ ([]));
  const chosen = new Set(/** @type {string[]} */ (state.value.runs));
  const load = () => {
    if (!choices.length) namesOf(run.experiment.id, { limit: CHOICES, sort: "-number" }).then(setChoices, () => {});
  };
  const change = (/** @type {string} */ id, /** @type {boolean} */ on) =>
    shell.change({ runs: on ? [...chosen, id].slice(-MOST) : [...chosen].filter((each) => each !== id) });
  const items = choices
    .filter((each) => each.id !== run.id)
    .map((each) => ({ id: each.id, text: each.name, hint: `${each.number}` }));
  return html`<span class="beside" onPointerDown=${load} onFocusCapture=${load}>
    <${Picker}
      label="Compare with"
      text="Compare with"
      icon="plus"
      class="button quiet small"
      items=${items}
      chosen=${chosen}
      onPick=${change}
      find="Find runs"
      none="No other runs"
    />
    ${others.length > 0 && html`<span class="chip"><i class="plot-mark" style=${{ background: runColour(run.number, shell.dark.value).colour }}></i>${run.name}</span>`}
    ${others.map(
      (other) =>
        html`<span class="chip" key=${other.id}
          ><i class="plot-mark" style=${{ background: runColour(other.number, shell.dark.value).colour }}></i
          ><a class="cut" href=${shell.href({ page: "run", id: other.id })}>${other.name}</a>
          <button
            class="chip-close"
            aria-label=${`Do not compare with ${other.name}`}
            onClick=${() => change(other.id, false)}
          >
            <${Icon} name="close" /></button
        ></span>`,
    )}
  </span>`;
}
