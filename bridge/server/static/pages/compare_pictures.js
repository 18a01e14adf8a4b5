/** Images and confusion matrices of the compared runs, side by side. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { fileUrl, getFile, getRunMetrics, getValues } from "../data/api.js";
import { Gallery } from "../parts/gallery.js";
import { Heat } from "../parts/heat.js";
import { Problem } from "../parts/problem.js";
import { RunLink } from "./compare_runs.js";

/** @typedef {import("./compare_data.js").Run} Run */
/** The ids of the runs that have a key, by key. @typedef {Map<string, string[]>} Owners */
/** @typedef {{ image: Owners, confusion_matrix: Owners }} Keys */

const MOST_RUNS = 12; // whose pictures are shown
/** @type {Owners} */
const NONE = new Map();

/** @param {{ runs: Run[], shell: import("../shell.js").Shell }} props */
export function Pictures({ runs, shell }) {
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
    ${matrices.size ? html`<${Matrices} key=${ids} runs=${shown} keys=${matrices} shell=${shell} />` : null}
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

/** @typedef {{ run: Run, classes: unknown[], matrix: (number | null)[][] }} Matrix */

/** @param {{ runs: Run[], keys: Owners, shell: import("../shell.js").Shell }} props */
function Matrices({ runs, keys, shell }) {
  const key = useSignal([...keys.keys()][0]);
  const mode = useSignal(/** @type {import("../parts/heat.js").HeatMode} */ ("counts"));
  const found = useSignal(/** @type {Matrix[]} */ ([]));
  useEffect(() => {
    const wanted = key.value;
    Promise.all(runs.filter((run) => keys.get(wanted)?.includes(run.id)).map((run) => matrixOf(run, wanted))).then(
      (matrices) => {
        if (key.peek() === wanted) found.value = matrices.flatMap((matrix) => matrix ?? []);
      },
      () => (found.value = []),
    );
  }, [key.value]);
  return html`<div class="compare-matrices"><${KeyChoice} keys=${[...keys.keys()]} value=${key.value} onChange=${(/** @type {string} */ chosen) => (key.value = chosen)} />
    <div class="compare-heats">
      ${found.value.map(({ run, classes, matrix }) => html`<figure key=${run.id} aria-label=${`${key.value} of ${run.name}`}>
        <figcaption><${RunLink} run=${run} shell=${shell} /></figcaption>
        <${Heat} label=${`${key.value} of ${run.name}`} classes=${classes} matrix=${matrix} mode=${mode.value} onMode=${(/** @type {any} */ chosen) => (mode.value = chosen)} />
      </figure>`)}
    </div></div>`;
}

/** Return the last matrix of a run, or null. @param {Run} run @param {string} key @returns {Promise<Matrix | null>} */
async function matrixOf(run, key) {
  const { files } = await getValues(run.id, key);
  const file = files.findLast((/** @type {any} */ one) => one.kind === "confusion_matrix");
  if (!file) return null;
  const { data } = JSON.parse(new TextDecoder().decode(await getFile(run.id, file.path)));
  return { run, classes: data.class_labels ?? [], matrix: data.matrix ?? [] };
}
