/** Parts that are loaded after the first picture, or when they are first shown. */

import { html } from "htm/preact";
import { useLayoutEffect, useState } from "preact/hooks";
import { pauseKeys } from "./keys.js";
import { sentence } from "./problem.js";
import { toast } from "./toast.js";

/**
 * A component of a module that is loaded when `when` is true. If that fails, a message says so.
 *
 * @param {object} props
 * @param {() => Promise<any>} props.from imports the module
 * @param {string} props.name the name of the component in the module
 * @param {any} props.with the component's props
 * @param {boolean} [props.when]
 * @param {boolean} [props.dialog] it takes the keyboard, so keys do nothing until it is there
 * @param {any} [props.children] stands in its place until it is there
 */
export function Late({ from, name, with: props, when = true, dialog = false, children }) {
  const [found, setFound] = useState(/** @type {{ part: any }} */ ({ part: null }));
  // Before the next key arrives: an effect after the picture would be too late on a busy machine.
  useLayoutEffect(() => {
    let wanted = when;
    const failed = (/** @type {unknown} */ error) => wanted && toast(sentence(error), { kind: "problem" });
    const resume = dialog && wanted ? pauseKeys() : () => {};
    const show = (/** @type {any} */ module) => wanted && setFound({ part: module[name] });
    // After the next picture, the dialog has the focus.
    if (wanted) from().then(show, failed).finally(() => requestAnimationFrame(() => setTimeout(resume)));
    return () => {
      wanted = false;
      resume();
    };
  }, [when]);
  return found.part ? html`<${found.part} ...${props} />` : (children ?? null);
}
