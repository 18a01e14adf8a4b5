/** The theme of the notebook. Each kind of notebook names it differently, so the colour of its ground decides. */

const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

/** Return red, green, blue and opacity of a colour, from 0 to 255, in whatever form it is written. @param {string} colour */
function parts(colour) {
  if (!pixel) return [255, 255, 255, 0];
  pixel.clearRect(0, 0, 1, 1);
  pixel.fillStyle = colour;
  pixel.fillRect(0, 0, 1, 1);
  return pixel.getImageData(0, 0, 1, 1).data;
}

/** Return the colour of the ground behind an element; null if all is transparent. @param {Element | null} element */
function ground(element) {
  for (let one = element; one; one = one.parentElement ?? /** @type {any} */ (one.getRootNode()).host ?? null) {
    const colour = parts(getComputedStyle(one).backgroundColor);
    if (colour[3] > 128) return colour;
  }
  return null;
}

/** Return whether the ground of the notebook behind an element is dark. @param {Element} element */
export function isDark(element) {
  const colour = ground(element.parentElement ?? element);
  if (colour) return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 128;
  const { documentElement: root, body } = document;
  const names = [root.className, body.className, root.getAttribute("theme"), ...Object.values(root.dataset)].join(" ");
  if (/dark|light|vscode-high-contrast/.test(names)) return !/light/.test(names);
  return getComputedStyle(root).colorScheme.startsWith("dark");
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
