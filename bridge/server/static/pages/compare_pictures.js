/** Images and confusion matrices of the compared runs, side by side. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { fileUrl, getRunMetrics, getValues } from "../data/api.js";
import { Gallery } from "../parts/gallery.js";
import { Heat } from "../parts/heat.js";
import { HeatDifference } from "../parts/heat_difference.js";
import { Problem } from "../parts/problem.js";
import { RunLink } from "./compare_runs.js";
import { lastMatrix, MINUS } from "./run_matrix.js";

/** @typedef {import("./compare_data.js").Run} Run */
/** The ids of the runs that have a key, by key. @typedef {Map<string, string[]>} Owners */
/** @typedef {{ image: Owners, confusion_matrix: Owners }} Keys */

const MOST_RUNS = 12; // whose pictures are shown
/** @type {Owners} */
const NONE = new Map();

/** @param {{ runs: Run[], base: string, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell }} props */
export function Pictures({ runs, base, state, shell }) {
  const keys = useSignal(/** @type {Keys | null} */ (null));
  const error = useSignal(/** @type {unknown} */ (null));
  const shown = runs.slice(0, MOST_RUNS);
  const ids = shown.map((run) => run.id).join();
  useEffect(() => {
    let isOld = false;
    keysOf(shown).then(
      (found) => {
        if (!isOld) keys.value = found;
      },
      (problem) => (error.value = problem),
    );
    return () => {
      isOld = true;
    };
  }, [ids]);
  const { image, confusion_matrix: matrices } = keys.value ?? { image: NONE, confusion_matrix: NONE };
  const isEmpty = keys.value !== null && !image.size && !matrices.size;
  return html`<section class="compare-part" id="pictures" aria-label="Images and matrices" aria-busy=${keys.value === null}>
    <header class="part-head"><h2>Images and matrices</h2>
      ${runs.length > MOST_RUNS ? html`<span class="soft part-hint">of the first ${MOST_RUNS} runs</span>` : null}</header>
    ${error.value ? html`<${Problem} error=${error.value} />` : null}
    ${isEmpty ? html`<p class="soft">These runs logged no images and no confusion matrices.</p>` : null}
    ${image.size ? html`<${Images} key=${ids} runs=${shown} keys=${image} shell=${shell} />` : null}
    ${matrices.size ? html`<${Matrices} key=${ids} runs=${shown} keys=${matrices} ...${{ base, state, shell }} />` : null}
  </section>`;
}

/** @param {Run[]} runs @returns {Promise<Keys>} */
async function keysOf(runs) {
  const metrics = await Promise.all(runs.map((run) => getRunMetrics(run.id)));
  /** @param {string} kind */
  const of = (kind) => {
    /** @type {Owners} */
    const owners = new Map();
    metrics.forEach((own, at) => {
      for (const { key, kinds } of own) if (kinds.includes(kind)) owners.set(key, [...(owners.get(key) ?? []), runs[at].id]);
    });
    return new Map([...owners].sort(([one], [two]) => (one < two ? -1 : 1)));
  };
  return { image: of("image"), confusion_matrix: of("confusion_matrix") };
}

/** @param {{ keys: string[], value: string, onChange: (key: string) => void }} props */
const KeyChoice = ({ keys, value, onChange }) =>
  keys.length > 1
    ? html`<label class="choice"><span class="soft">Key</span><select class="select small" value=${value} onChange=${(/** @type {any} */ event) => onChange(event.currentTarget.value)}>
        ${keys.map((key) => html`<option key=${key} value=${key} selected=${key === value}>${key}</option>`)}</select></label>`
    : html`<h3 class="cut">${value}</h3>`;

/** @param {{ runs: Run[], keys: Owners, shell: import("../shell.js").Shell }} props */
function Images({ runs, keys }) {
  const key = useSignal([...keys.keys()][0]);
  const step = useSignal(/** @type {number | null} */ (null));
  const albums = useSignal(/** @type {import("../parts/gallery.js").Album[]} */ ([]));
  useEffect(() => {
    const wanted = key.value;
    const load = async () => {
      const owners = runs.filter((run) => keys.get(wanted)?.includes(run.id));
      const found = await Promise.all(owners.map((run) => getValues(run.id, wanted)));
      if (key.peek() === wanted) albums.value = found.map((values, at) => albumOf(owners[at], values));
    };
    load().catch(() => (albums.value = []));
  }, [key.value]);
  return html`<div class="compare-images"><${KeyChoice} keys=${[...keys.keys()]} value=${key.value} onChange=${(/** @type {string} */ chosen) => (key.value = chosen)} />
    <${Gallery} albums=${albums.value} step=${step.value} onStep=${(/** @type {number | null} */ to) => (step.value = to)} /></div>`;
}

/** The images of a run, under the name of the run. @param {Run} run @param {any} values */
function albumOf(run, values) {
  const shots = values.files
    .filter((/** @type {any} */ file) => file.kind === "image")
    .map((/** @type {any} */ file) => ({ key: run.name, path: file.path, step: file.step, url: fileUrl(run.id, file.path) }))
    .sort((/** @type {any} */ one, /** @type {any} */ two) => one.step - two.step);
  return { key: run.name, description: null, shots };
}

/** @typedef {{ run: Run } & import("../lib/matrices.js").ConfusionMatrix} Matrix */

/** @param {{ runs: Run[], keys: Owners, base: string, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell }} props */
function Matrices({ runs, keys, base, state, shell }) {
  const key = useSignal([...keys.keys()][0]);
  const mode = useSignal(/** @type {import("../parts/heat.js").HeatMode} */ ("counts"));
  const found = useSignal(/** @type {Matrix[]} */ ([]));
  useEffect(() => {
    const wanted = key.value;
    const read = async (/** @type {Run} */ run) => {
      const matrix = await lastMatrix(run.id, wanted);
      return matrix && { run, ...matrix };
    };
    Promise.all(runs.filter((run) => keys.get(wanted)?.includes(run.id)).map(read)).then(
      (matrices) => {
        if (key.peek() === wanted) found.value = matrices.flatMap((matrix) => matrix ?? []);
      },
      () => (found.value = []),
    );
  }, [key.value]);
  const { [MINUS]: minus, ...rest } = state.value.other;
  const other = found.value.find(({ run }) => run.id === base) ?? found.value[0];
  const turn = () => shell.change({ other: minus ? rest : { ...rest, [MINUS]: "base" } });
  const onMode = (/** @type {any} */ chosen) => (mode.value = chosen);
  return html`<div class="compare-matrices"><${KeyChoice} keys=${[...keys.keys()]} value=${key.value} onChange=${(/** @type {string} */ chosen) => (key.value = chosen)} />
    ${found.value.length > 1 ? html`<label class="check"><input type="checkbox" checked=${Boolean(minus)} onChange=${turn} />Difference to ${other.run.name}</label>` : null}
    <div class="compare-heats">
      ${found.value.map((one) => {
        const label = `${key.value} of ${one.run.name}`;
        return html`<figure key=${one.run.id} aria-label=${label}>
          <figcaption><${RunLink} run=${one.run} shell=${shell} /></figcaption>
          ${minus && one !== other
            ? html`<${HeatDifference} label=${label} one=${one} other=${other} to=${other.run.name} mode=${mode.value} onMode=${onMode} dark=${shell.dark.value} />`
            : html`<${Heat} label=${label} classes=${one.classes} matrix=${one.matrix} mode=${mode.value} onMode=${onMode} />`}
        </figure>`;
      })}
    </div></div>`;
}
