/** The last images of a key in the shown runs, side by side, in the place of a chart. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { fileUrl, getImages } from "../data/api.js";

const MOST = 24;

/** @typedef {{ run: string, name: string, colour: string, step: number, url: string }} Shot */

/**
 * @param {object} props
 * @param {string} props.name the key
 * @param {string[]} props.runs the shown runs, in their order
 * @param {(run: string) => { name: string, colour: string }} props.look
 * @param {(run: string) => string} props.href
 */
export function LastImages({ name, runs, look, href }) {
  const [shots, setShots] = useState(/** @type {Shot[] | null} */ (null));
  const wanted = runs.slice(0, 50).join();
  useEffect(() => {
    let isOld = false;
    lastShots(name, runs.slice(0, 50), look).then((found) => !isOld && setShots(found), () => !isOld && setShots([]));
    return () => {
      isOld = true;
    };
  }, [name, wanted]);
  return html`<div class="kind-images" tabindex="0" role="group" aria-label=${`Images of ${name}`}>
    ${(shots ?? []).map(
      (shot) => html`<a key=${shot.run} href=${`${href(shot.run)}/images`} title=${`${shot.name}, step ${shot.step}`}>
        <img loading="lazy" decoding="async" alt=${`${name} of ${shot.name}, step ${shot.step}`} src=${shot.url} />
        <span class="row"><span class="tip-dot" style=${{ background: shot.colour }}></span><span class="cut">${shot.name}</span></span></a>`,
    )}
    ${shots && !shots.length ? html`<span class="soft">The first shown runs have no image with this name.</span>` : null}
  </div>`;
}

/** @param {string} name @param {string[]} runs @param {(run: string) => { name: string, colour: string }} look @returns {Promise<Shot[]>} */
async function lastShots(name, runs, look) {
  const found = await getImages(runs, name);
  return found.slice(0, MOST).map(({ run, path, step }) => ({ run, ...look(run), step, url: fileUrl(run, path) }));
}
