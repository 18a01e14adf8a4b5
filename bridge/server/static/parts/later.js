/** A part whose module is loaded when it is shown first, so that a page starts with less. */

import { html } from "htm/preact";
import { useEffect, useState } from "preact/hooks";
import { toast } from "./toast.js";
import { sentence } from "./problem.js";

/** The components that were loaded, by the functions that load them. @type {Map<() => Promise<any>, any>} */
const loaded = new Map();

/**
 * @param {object} props
 * @param {() => Promise<any>} props.load A function that returns the component, the same function in each call.
 * @param {() => unknown} [props.onFail] Called after the module could not be loaded, and the user was told.
 * @param {any} [props.instead] What is shown until the module is loaded.
 */
export function Later({ load, onFail, instead = null, ...props }) {
  const [, setCount] = useState(0);
  useEffect(() => {
    if (loaded.has(load)) return;
    load().then(
      (component) => {
        loaded.set(load, component);
        setCount((count) => count + 1);
      },
      (error) => {
        toast(sentence(error), { kind: "problem" });
        onFail?.();
      },
    );
  }, [load]);
  const component = loaded.get(load);
  return component ? html`<${component} ...${props} />` : instead;
}
