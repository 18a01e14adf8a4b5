/** Logged images: one row a key, one slider of the step for all, and a large view. */

import { html } from "htm/preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { Dialog } from "./dialog.js";
import { number, plural } from "../lib/format.js";

/** @typedef {{ key: string, path: string, step: number, url: string }} Shot */
/** @typedef {{ key: string, description: string | null, shots: Shot[] }} Album The shots are in the order of their steps. */

/** The place of the last shot at or before a step; 0 if all are later. @param {Shot[]} shots @param {number} step */
function shotAt(shots, step) {
  const later = shots.findIndex((shot) => shot.step > step);
  return later < 0 ? shots.length - 1 : Math.max(0, later - 1);
}

/** The steps of all shots in ascending order. @param {Album[]} albums */
const stepsOf = (albums) =>
  [...new Set(albums.flatMap((album) => album.shots.map((shot) => shot.step)))].sort((a, b) => a - b);

/** The number of shots of a strip that are shown at first. */
const STRIP = 60;

/**
 * @param {{ albums: Album[], step: number | null, onStep: (step: number | null) => void, bare?: boolean }} props `bare`: without titles.
 *   With a step of null, the last step is shown, also when new images come.
 */
export function Gallery({ albums, step, onStep, bare = false }) {
  const [large, setLarge] = useState(/** @type {{ key: string, at: number } | null} */ (null));
  const [strips, setStrips] = useState(false);
  const steps = stepsOf(albums);
  const place =
    step === null
      ? steps.length - 1
      : Math.max(
          0,
          steps.findLastIndex((each) => each <= step),
        );
  const shown = steps[place] ?? 0;
  const album = large && albums.find((each) => each.key === large.key);
  const move = (/** @type {number} */ by) => {
    const to = Math.min(steps.length - 1, Math.max(0, place + by));
    onStep(to === steps.length - 1 ? null : steps[to]);
  };
  return html`<div class="gallery">
    <div class="gallery-bar">
      ${
        steps.length > 1 &&
        !strips &&
        html` <button
            class="button small icon"
            aria-label="Previous step"
            disabled=${place === 0}
            onClick=${() => move(-1)}
          >
            ←
          </button>
          <input
            type="range"
            class="slider"
            aria-label="Step"
            min="0"
            max=${steps.length - 1}
            value=${place}
            aria-valuetext=${`step ${shown}`}
            onInput=${(/** @type {Event} */ event) => move(Number(/** @type {HTMLInputElement} */ (event.target).value) - place)}
          />
          <button
            class="button small icon"
            aria-label="Next step"
            disabled=${place === steps.length - 1}
            onClick=${() => move(1)}
          >
            →
          </button>
          <output class="gallery-step"
            >step <b>${number(shown)}</b> <span class="soft">${place + 1} of ${steps.length}</span></output
          >`
      }
      <span class="space"></span>
      ${
        steps.length > 1 &&
        !bare &&
        html`<div class="segments" role="group" aria-label="Images shown">
          <button aria-pressed=${!strips} onClick=${() => setStrips(false)}>One step</button>
          <button aria-pressed=${strips} onClick=${() => setStrips(true)}>All steps</button>
        </div>`
      }
    </div>
    <div class=${strips ? "gallery-strips" : "gallery-cards"}>
      ${albums.map((each) =>
        strips
          ? html`<${Strip}
              key=${each.key}
              album=${each}
              onLarge=${(/** @type {number} */ at) => setLarge({ key: each.key, at })}
            />`
          : bare
            ? html`<${Picture}
                key=${each.key}
                shot=${each.shots[shotAt(each.shots, shown)]}
                onOpen=${() => setLarge({ key: each.key, at: shotAt(each.shots, shown) })}
              />`
            : html`<${Card}
                key=${each.key}
                album=${each}
                at=${shotAt(each.shots, shown)}
                onLarge=${(/** @type {number} */ at) => setLarge({ key: each.key, at })}
              />`,
      )}
    </div>
    ${album && large && html`<${Large} album=${album} at=${Math.min(large.at, album.shots.length - 1)} onAt=${(/** @type {number} */ at) => setLarge({ key: album.key, at })} onClose=${() => setLarge(null)} />`}
  </div>`;
}

/** @param {{ album: Album, at: number, onLarge: (at: number) => void }} props */
function Card({ album, at, onLarge }) {
  const shot = album.shots[at];
  return html`<figure class="card shot-card" aria-label=${album.key}>
    <figcaption class="card-head">
      <h3 title=${album.key}>${album.key}</h3>
      <span class="soft">${album.shots.length > 1 ? `step ${number(shot.step)}` : ""}</span>
    </figcaption>
    ${album.description && html`<p class="card-about">${album.description}</p>`}
    <${Picture} shot=${shot} onOpen=${() => onLarge(at)} />
  </figure>`;
}

/** @param {{ album: Album, onLarge: (at: number) => void }} props */
function Strip({ album, onLarge }) {
  const [most, setMost] = useState(STRIP);
  const shots = album.shots.slice(0, most);
  return html`<section class="card" aria-label=${album.key}>
    <div class="card-head">
      <h3 title=${album.key}>${album.key}</h3>
      <span class="soft">${plural(album.shots.length, "image")}</span>
    </div>
    <div class="strip">
      ${shots.map(
        (shot, at) =>
          html`<figure key=${`${shot.step} ${shot.path}`}>
            <${Picture} shot=${shot} onOpen=${() => onLarge(at)} />
            <figcaption class="soft">${number(shot.step)}</figcaption>
          </figure>`,
      )}
      ${album.shots.length > most && html`<button class="button small" onClick=${() => setMost(most + 240)}>Show more</button>`}
    </div>
  </section>`;
}

/** @param {{ shot: Shot, onOpen: () => void }} props */
function Picture({ shot, onOpen }) {
  const [missing, setMissing] = useState("");
  if (missing === shot.url)
    return html`<p class="shot missing soft">The file ${shot.path} cannot be shown as an image.</p>`;
  return html`<button class="shot" onClick=${onOpen} aria-label=${`Enlarge ${shot.key}, step ${shot.step}`}>
    <img
      src=${shot.url}
      alt=${`${shot.key}, step ${shot.step}`}
      loading="lazy"
      decoding="async"
      onError=${() => setMissing(shot.url)}
    />
  </button>`;
}

/** @param {{ album: Album, at: number, onAt: (at: number) => void, onClose: () => void }} props */
function Large({ album, at, onAt, onClose }) {
  const [real, setReal] = useState(false);
  const shot = album.shots[at];
  const last = album.shots.length - 1;
  const move = (/** @type {number} */ by) => onAt(Math.min(last, Math.max(0, at + by)));
  useLayoutEffect(() => {
    const onKey = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "ArrowLeft") move(-1);
      else if (event.key === "ArrowRight") move(1);
      else if (event.key === "z") setReal(!real);
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  return html`<${Dialog} label=${album.key} onClose=${onClose} class="large-shot">
    <div class="large-bar">
      <button class="button small icon" aria-label="Previous image" disabled=${at === 0} onClick=${() => move(-1)}>
        ←
      </button>
      <input
        type="range"
        class="slider"
        aria-label="Image"
        min="0"
        max=${last}
        value=${at}
        onInput=${(/** @type {Event} */ event) => onAt(Number(/** @type {HTMLInputElement} */ (event.target).value))}
      />
      <button class="button small icon" aria-label="Next image" disabled=${at === last} onClick=${() => move(1)}>
        →
      </button>
      <output>step <b>${number(shot.step)}</b> <span class="soft">${at + 1} of ${last + 1}</span></output>
      <span class="space"></span>
      <button class="button small" aria-pressed=${real} title="Real size (z)" onClick=${() => setReal(!real)}>
        Real size
      </button>
      <a class="button small" href=${shot.url} download>Download</a>
    </div>
    <div class=${`large-ground${real ? " real" : ""}`} tabindex="0" role="region" aria-label="Image">
      <img src=${shot.url} alt=${`${album.key}, step ${shot.step}`} onClick=${() => setReal(!real)} />
    </div>
    <p class="soft large-path">${shot.path}</p>
  <//>`;
}
