/** Parts that are loaded after the first picture, or when they are first shown. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
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
 * @param {any} [props.children] stands in its place until it is there
 */
export function Late({ from, name, with: props, when = true, children }) {
  const [found, setFound] = useState(/** @type {{ part: any }} */ ({ part: null }));
  useEffect(() => {
    let wanted = when;
    const failed = (/** @type {unknown} */ error) => wanted && toast(sentence(error), { kind: "problem" });
    if (wanted) from().then((module) => wanted && setFound({ part: module[name] }), failed);
    return () => {
      wanted = false;
    };
  }, [when]);
  return found.part ? html`<${found.part} ...${props} />` : (children ?? null);
}
