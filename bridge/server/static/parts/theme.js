/** The colours of the page's theme, for what is drawn on a canvas. */

/** Whether the dark theme is shown. */
export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** A colour: itself, or that of the theme if it is a name such as `--accent`. @param {string} colour */
export function inkOf(colour) {
  return colour.startsWith("--") ? getComputedStyle(document.documentElement).getPropertyValue(colour).trim() : colour;
}

/**
 * Call a function after each change of the theme. Returns the function that ends this.
 * @param {() => void} changed
 */
export function onTheme(changed) {
  const query = matchMedia("(prefers-color-scheme: dark)");
  const watcher = new MutationObserver(changed);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  query.addEventListener("change", changed);
  return () => {
    watcher.disconnect();
    query.removeEventListener("change", changed);
  };
}
