/** Texts, truth values and None over x: coloured bands, a legend, and a table of the changes. */

import { html } from "htm/preact";
import { neutral, runColour } from "../lib/colour.js";
import { number } from "../lib/format.js";
import { isDark } from "./theme.js";

/** @typedef {string | boolean | number | null} Word */
/** @typedef {{ from: number, to: number, word: Word, points: number }} Band */

/** The greatest number of bands that are drawn, and of words with a colour. */
const MOST = 600;
const COLOURS = 10;

/** A logged value as Python writes it. @param {Word} word */
export function shownWord(word) {
  if (word === null) return "None";
  return word === true ? "True" : word === false ? "False" : String(word);
}

/**
 * The stretches of equal values.
 * @param {ArrayLike<number>} x in ascending order
 * @param {Word[]} words
 * @returns {Band[]}
 */
function bandsOf(x, words) {
  /** @type {Band[]} */
  const found = [];
  words.forEach((word, at) => {
    const before = found[found.length - 1];
    if (before && before.word === word) {
      before.points++;
      before.to = x[at];
    } else {
      if (before) before.to = x[at];
      found.push({ from: x[at], to: x[at], word, points: 1 });
    }
  });
  return found;
}

/**
 * @param {{ label: string, x: ArrayLike<number>, words: Word[], xName?: string }} props
 */
export function Bands({ label, x, words, xName = "step" }) {
  const bands = bandsOf(x, words);
  const [low, high] = [x[0], x[x.length - 1]];
  // The last value goes on for as long as the others on average, so that its band can be seen.
  const end = x.length > 1 ? high + (high - low) / (x.length - 1) : low + 1;
  const width = end - low || 1;
  const kinds = [...new Set(bands.map((band) => band.word))];
  const dark = isDark();
  const colour = (/** @type {Word} */ word) => {
    const at = kinds.indexOf(word);
    if (word === true) return runColour(2, dark).colour;
    if (word === null) return "var(--line)";
    return word === false || at >= COLOURS ? neutral(dark).faint : runColour(at + 1, dark).colour;
  };
  const drawn = bands.length > MOST ? thinned(bands, low, width) : bands;
  return html`<figure class="bands" role="figure" aria-label=${label}>
    <div class="bands-strip" aria-hidden="true">
      ${drawn.map((band, at) => {
        const share = (((at === drawn.length - 1 ? end : band.to) - band.from) / width) * 100;
        const wide = bands.length < 24 && share > 8;
        return html`<i
          key=${at}
          class="bands-band"
          title=${`${shownWord(band.word)}: ${number(band.from)} to ${number(band.to)}`}
          style=${{ left: `${((band.from - low) / width) * 100}%`, width: `max(2px, ${share}%)`, background: colour(band.word) }}
          >${wide ? html`<span>${shownWord(band.word)}</span>` : ""}</i
        >`;
      })}
    </div>
    <div class="bands-axis" aria-hidden="true">
      <span>${number(low)}</span><span>${xName}</span><span>${number(high)}</span>
    </div>
    <figcaption class="plot-foot">
      ${kinds.slice(0, COLOURS).map((word) => html`<span class="plot-key" key=${String(word)}><i class="plot-mark" style=${{ background: colour(word) }}></i><span class="cut">${shownWord(word)}</span></span>`)}
      ${kinds.length > COLOURS && html`<span class="plot-key">and ${kinds.length - COLOURS} more</span>`}
    </figcaption>
    <${Changes} label=${label} bands=${bands} xName=${xName} />
  </figure>`;
}

/** @param {{ label: string, bands: Band[], xName: string }} props */
function Changes({ label, bands, xName }) {
  const rows = bands.slice(-200).reverse();
  return html`<div class="bands-rows" tabindex="0" role="region" aria-label=${`${label}: changes`}>
    <table class="rows">
      <thead>
        <tr>
          <th scope="col" class="number">${xName}</th>
          <th scope="col">value</th>
          <th scope="col" class="number">points</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (band) =>
            html`<tr key=${band.from}>
              <td class="number">${number(band.from)}</td>
              <td>${shownWord(band.word)}</td>
              <td class="number">${number(band.points)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** At most one band for each of the places of the strip. @param {Band[]} bands @param {number} low @param {number} width */
function thinned(bands, low, width) {
  /** @type {Map<number, Band>} */
  const places = new Map();
  for (const band of bands) places.set(Math.floor(((band.from - low) / width) * MOST), band);
  const kept = [...places.values()];
  return kept.map((band, at) => ({ ...band, to: kept[at + 1]?.from ?? band.to }));
}
