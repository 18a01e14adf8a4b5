/** The tab Images: all logged images over their steps. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import * as api from "../data/api.js";
import { Gallery } from "../parts/gallery.js";
import { Empty, Problem } from "../parts/problem.js";

/** @typedef {import("../parts/gallery.js").Album} Album */

/** The images of one key. @param {string} run @param {any} values the answer of `getValues` @returns {Album} */
export function albumOf(run, values) {
  const shots = values.files
    .filter((/** @type {any} */ file) => file.kind === "image")
    .map((/** @type {any} */ file) => ({
      key: values.key,
      path: file.path,
      step: file.step,
      url: api.fileUrl(run, file.path),
    }));
  shots.sort((/** @type {any} */ a, /** @type {any} */ b) => a.step - b.step);
  return { key: values.key, description: values.description, shots };
}

/** @param {{ run: any, data: import("./run_data.js").RunData, metrics: import("../lib/kinds.js").Metric[] | null, state: import("@preact/signals").Signal<any>, shell: import("../shell.js").Shell }} props */
export function Images({ run, data, metrics, state, shell }) {
  const [albums, setAlbums] = useState(/** @type {Album[] | null} */ (null));
  const [problem, setProblem] = useState(/** @type {unknown} */ (null));
  const keys = (metrics ?? []).filter((metric) => metric.kinds.includes("image")).map((metric) => metric.key);
  const tick = data.series.value;
  const load = () =>
    Promise.all(keys.map((key) => api.getValues(run.id, key))).then(
      (found) => (setAlbums(found.map((values) => albumOf(run.id, values))), setProblem(null)),
      setProblem,
    );
  useEffect(() => {
    if (metrics) load();
  }, [run.id, tick, keys.join("\n"), metrics === null]);
  if (problem) return html`<${Problem} error=${problem} retry=${load} />`;
  if (!albums) return null;
  if (!albums.length)
    return html`<${Empty} title="No images" code=${'run.log_image("food", path="breadpudding.jpg")'}
      >Logged images are shown here, over their steps.<//
    >`;
  const asked = state.value.other.step;
  return html`<h2 class="visually-hidden">Images</h2>
    <${Gallery}
      albums=${albums}
      step=${asked === undefined || asked === "" ? null : Number(asked)}
      onStep=${(/** @type {number | null} */ step) => {
        const { step: _, ...other } = state.value.other;
        shell.change({ other: step === null ? other : { ...other, step: String(step) } }, "replace");
      }}
    />`;
}
