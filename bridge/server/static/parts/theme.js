/** The colours of the page's theme, for what is drawn on a canvas. */

const DARK_SYSTEM = matchMedia("(prefers-color-scheme: dark)");

/** Elements whose theme counts instead of the document's: views in a notebook. @type {Set<HTMLElement>} */
const hosts = new Set();

const root = () => [...hosts].find((host) => host.isConnected) ?? document.documentElement;

/** Use the theme of an element instead of the document's. Return the function that ends this. @param {HTMLElement} host */
export function themeOf(host) {
  hosts.add(host);
  return () => hosts.delete(host);
}

/** Return whether an element is shown in the dark theme. @param {Element} element */
export function isDark(element = root()) {
  const scheme = getComputedStyle(element).colorScheme;
  return scheme === "dark" || (scheme !== "light" && DARK_SYSTEM.matches);
}

/**
 * Return a colour: itself, or that of the theme if it is a name such as `--accent`. Canvases do not know `light-dark()`.
 *
 * @param {string} colour
 * @param {Element} element The element whose theme counts.
 */
export function inkOf(colour, element = root()) {
  if (!colour.startsWith("--")) return colour;
  const value = getComputedStyle(element).getPropertyValue(colour).trim();
  const both = /^light-dark\(([^,]+),\s*([^,]+)\)$/.exec(value);
  return both ? both[isDark(element) ? 2 : 1] : value;
}

/**
 * Call a function after each change of the theme. Return the function that ends this.
 *
 * @param {() => void} changed
 */
export function onTheme(changed) {
  const observer = new MutationObserver(changed);
  observer.observe(root(), { attributes: true, attributeFilter: ["data-theme"] });
  DARK_SYSTEM.addEventListener("change", changed);
  return () => {
    observer.disconnect();
    DARK_SYSTEM.removeEventListener("change", changed);
  };
}
