/** The module that a notebook loads. Python inserts the text of all further modules and the style. */

/** The names and texts of modules. A module comes after those that it imports. @type {[string, string][]} */
const modules = [/* modules */];
const style = "/* style */";

/** Import the last module. Each module gets an address, with which the modules after it import it. */
async function load() {
  /** @type {Record<string, string>} */
  const addresses = {};
  let address = "";
  for (const [name, text] of modules) {
    const linked = text.replace(/"module:([^"\n]+)"/g, (_, imported) => `"${addresses[imported]}"`);
    address = addresses[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
  }
  return import(/* webpackIgnore: true */ /* @vite-ignore */ address);
}

// All widgets of the same version in a page share the modules.
const shared = Symbol.for(`runbridge ${modules.length} ${modules.map(([, text]) => text.length).join()}`);
/** @type {any} */
const page = globalThis;

export default {
  /** @param {{ model: any, el: HTMLElement }} host */
  async render({ model, el }) {
    page[shared] ??= load();
    return (await page[shared]).mount({ model, el, style });
  },
};
