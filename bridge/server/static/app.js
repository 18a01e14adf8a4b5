/** The frame of all pages: header, keys, palette, and the page modules, which are loaded when needed. */

import { effect, signal } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { useLayoutEffect } from "preact/hooks";
import { endSession } from "./data/session.js";
import { RUN_TABS } from "./lib/route.js";
import { changeTheme, openShort, route, shell, stateOf, theme } from "./navigation.js";
import { copyLink } from "./parts/clipboard.js";
import { Header } from "./parts/header.js";
import { useKeys } from "./parts/keys.js";
import { Late } from "./parts/late.js";
import { Boundary, Empty, Problem } from "./parts/problem.js";
import { toast, Toasts } from "./parts/toast.js";

/** @typedef {import("./shell.js").PageProps} PageProps */
/** @typedef {import("./lib/route.js").PageName} PageName */

const MODULES = /** @type {Record<string, () => Promise<{ default: (props: PageProps) => any }>>} */ ({
  home: () => import("./pages/home.js"),
  experiment: () => import("./pages/experiment.js"),
  run: () => import("./pages/run.js"),
  compare: () => import("./pages/compare.js"),
  notes: () => import("./pages/notes.js"),
});

const PRELOAD_MS = 8000;

const sheet = signal(/** @type {"" | "keys" | "palette"} */ (""));
const loaded = signal(/** @type {{ key: string, content: any } | null} */ (null));
/** The state of the shown page, which its tabs share. */
let own = { key: "", state: stateOf("home", "") };

/** Load the module of a page, and show the page. @param {PageProps["route"]} to */
async function load(to) {
  const key = `${to.page}/${to.id}`;
  try {
    if (to.page === "view") return await openShort(to.id);
    if (to.page === "unknown") {
      shell.header.value = { title: "Page not found" };
      const content = html`<${Empty} title="Page not found">No page has this address: ${location.pathname}<//>`;
      loaded.value = { key, content };
      return;
    }
    const { default: Page } = await MODULES[to.page]();
    if (route.peek() !== to) return;
    if (loaded.peek()?.key !== key) shell.header.value = { title: "" };
    if (own.key !== key) own = { key, state: stateOf(to.page, to.id) };
    loaded.value = { key, content: html`<${Page} key=${key} route=${to} state=${own.state} shell=${shell} />` };
  } catch (error) {
    if (route.peek() !== to) return;
    shell.header.value = { title: "Page not loaded" };
    loaded.value = { key, content: html`<${Problem} key=${key} error=${error} retry=${() => load(to)} />` };
  }
}

let lastKey = "";

/** Move the focus to a page that is shown after another one. The first page gets none, as after any load of a page. */
function useFocusOnPage() {
  const key = loaded.value?.key ?? "";
  // Not after the picture: the focus would leave a field in which one types already.
  useLayoutEffect(() => {
    if (key && lastKey && lastKey !== key) {
      const box = document.getElementById("page");
      box?.focus();
      box?.scrollTo(0, 0);
    }
    if (key) lastKey = key;
  }, [key]);
}

/** @param {string} text @param {AbortSignal} signal */
const findPlaces = async (text, signal) => (await import("./pages/places.js")).findPlaces(shell, text, signal);

/** Return the pages that belong to the shown one. @returns {import("./parts/palette.js").Place[]} */
function pagesNear() {
  const { page: name, id } = route.value;
  /** @param {string} text @param {Partial<PageProps["route"]> & { page: PageName }} to */
  const place = (text, to) => ({ text, icon: "file", go: () => shell.go(shell.href(to)) });
  const home = place("All experiments", { page: "home" });
  if (name === "run") return [...RUN_TABS.map((tab) => place(`Run: ${tab || "overview"}`, { page: "run", id, tab })), home];
  if (!id) return [home];
  return [place("Runs of this experiment", { page: "experiment", id }), place("Notes", { page: "notes", id }), home];
}

const loadKeySheet = () => import("./parts/key_sheet.js");
const loadPalette = () => import("./parts/palette.js");
const close = () => (sheet.value = "");
const openPalette = () => (sheet.value = "palette");

/** End the session, and open the page on which one signs in. */
async function signOut() {
  try {
    location.assign(await endSession(shell.signOut));
  } catch (error) {
    toast(/** @type {Error} */ (error).message, { kind: "problem" });
  }
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("page")?.focus();
}

function App() {
  useFocusOnPage();
  useKeys(
    {
      "Ctrl+k": ["Go anywhere, do anything", openPalette],
      "?": ["All keys", () => (sheet.value = "keys")],
      u: ["Copy the link to what is shown", () => void copyLink()],
      d: ["Theme: light, dark, the system's", changeTheme],
      "g h": ["Go to the experiments", () => shell.go(shell.href({ page: "home" }))],
      "g e": ["Go to an experiment", openPalette],
      "g r": ["Go to a run", openPalette],
    },
    "Everywhere",
  );
  const onSheet = (/** @type {"keys" | "palette"} */ name) => (sheet.value = name);
  return html`<a class="skip" href="#page" onClick=${skip}>Skip to the page</a>
    <${Header} shell=${shell} theme=${theme.value} onTheme=${changeTheme} onSheet=${onSheet} onSignOut=${signOut} />
    <main id="page" tabindex="-1"><${Boundary} key=${loaded.value?.key}>${loaded.value?.content}<//></main>
    <${Toasts} />
    ${sheet.value === "keys" ? html`<${Late} from=${loadKeySheet} name="KeySheet" dialog with=${{ onClose: close }} />` : null}
    ${sheet.value === "palette"
      ? html`<${Late} from=${loadPalette} name="Palette" dialog with=${{ search: findPlaces, pages: pagesNear(), onClose: close }} />`
      : null}`;
}

effect(() => {
  load(route.value);
});
render(html`<${App} />`, document.getElementById("app") ?? document.body);
// When the page is there, so that the first press of Ctrl K or ? does not wait.
setTimeout(() => requestIdleCallback(() => Promise.all([loadPalette(), loadKeySheet()]).catch(console.info)), PRELOAD_MS);
