/** The theme of the notebook. Each kind of notebook names it differently, so the colour of its ground decides. */

/** @param {Element | null} element @returns {number[] | null} Red, green and blue of the ground behind an element. */
function ground(element) {
  for (let one = element; one; one = one.parentElement ?? /** @type {any} */ (one.getRootNode()).host ?? null) {
    const parts = getComputedStyle(one).backgroundColor.match(/[\d.]+/g)?.map(Number) ?? [];
    if (parts.length === 3 || parts[3] > 0.5) return parts;
  }
  return null;
}

/** Return whether the ground of the notebook behind an element is dark. @param {Element} element */
export function isDark(element) {
  const colour = ground(element.parentElement ?? element);
  if (!colour) return getComputedStyle(document.documentElement).colorScheme.startsWith("dark");
  return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 128;
}

/**
 * Call a function now and whenever the theme changes. Return a function that ends this.
 *
 * @param {Element} element
 * @param {(dark: boolean) => void} change
 */
export function watchTheme(element, change) {
  let last = /** @type {boolean | null} */ (null);
  const check = () => {
    const dark = isDark(element);
    if (element.isConnected && dark !== last) change((last = dark));
  };
  // A host may load the style sheet of a theme after it has changed a class, so a second look follows.
  const observer = new MutationObserver(() => (check(), setTimeout(check, 300)));
  for (const root of [document.documentElement, document.body])
    observer.observe(root, { attributes: true, attributeFilter: ["class", "style", "theme", ...DATA] });
  const frame = requestAnimationFrame(check);
  const query = matchMedia("(prefers-color-scheme: dark)");
  query.addEventListener("change", check);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
    query.removeEventListener("change", check);
  };
}

const DATA = ["data-theme", "data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind"];
