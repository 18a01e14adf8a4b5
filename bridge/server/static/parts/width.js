/** The width of an element, as it changes. */

import { useLayoutEffect, useState } from "preact/hooks";

/**
 * Return the inner width of an element in whole pixels, and 0 before it is laid out.
 * @param {{ current: HTMLElement | null }} box
 */
export function useWidth(box) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (box.current);
    const measure = () => setWidth(Math.floor(element.clientWidth));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  return width;
}
