/** The frame of all pages: addresses, state, theme, keys, and the page modules, which are loaded when needed. */

import { computed, effect, signal } from "@preact/signals";
import { render } from "preact";
import { html } from "htm/preact";
import { useEffect } from "preact/hooks";
import { parseRoute, printRoute, RUN_TABS } from "./lib/route.js";
import { DEFAULT, parse, print } from "./lib/state.js";
import { Header } from "./parts/header.js";
import { KeySheet, useKeys } from "./parts/keys.js";
import { Palette } from "./parts/palette.js";
import { Boundary, Empty, Problem } from "./parts/problem.js";
import { Toasts } from "./parts/toast.js";

/** @typedef {import("./shell.js").Shell} Shell */
/** @typedef {import("./shell.js").PageProps} PageProps */

const LONGEST_SEARCH = 2000;
const DARK_SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const page = document.documentElement;
const base = page.dataset.base ?? "/portal";

/** Return the text of the state in the address: behind `?`, or behind `#?` if it is long. */
const addressSearch = () => (location.hash.startsWith("#?") ? location.hash.slice(2) : location.search.slice(1));

const route = signal(parseRoute(location.pathname, base));
/** @type {import("./shell.js").Shell["saved"]} */
const saved = signal(DEFAULT);
const state = signal(parse(addressSearch()));
const systemDark = signal(DARK_SYSTEM.matches);
const theme = signal(state.value.theme || localStorage.getItem("runbridge.theme") || "");
const dark = computed(() => (theme.value ? theme.value === "dark" : systemDark.value));
const sheet = signal(/** @type {"" | "keys" | "palette"} */ (""));

/** @param {string} path @param {string} search */
const addressOf = (path, search) => path + (search.length > LONGEST_SEARCH ? `#?${search}` : search ? `?${search}` : "");

/** @type {Shell} */
const shell = {
  base,
  role: /** @type {import("./shell.js").Role} */ (page.dataset.role ?? "reader"),
  workspace: page.dataset.workspace ?? "",
  header: signal({ title: "" }),
  live: signal(/** @type {import("./shell.js").Live} */ ("")),
  dark,
  saved,
  change(patch, how = "push") {
    const next = { ...state.peek(), ...patch };
    const address = addressOf(location.pathname, print(next, { ...saved.peek(), view: "" }));
    const now = location.pathname + location.search + (location.hash.startsWith("#?") ? location.hash : "");
    if (address !== now) history[how === "push" ? "pushState" : "replaceState"](null, "", address);
    state.value = next;
  },
  href: (to, changes = {}) => addressOf(printRoute(base, to), print({ ...DEFAULT, theme: state.value.theme, ...changes })),
  go(address, how = "push") {
    const before = route.peek();
    history[how === "push" ? "pushState" : "replaceState"](null, "", address);
    readAddress();
    if (before.page !== route.peek().page || before.id !== route.peek().id) scrollTo(0, 0);
  },
};

/** Take page and state from the address. */
function readAddress() {
  const next = parseRoute(location.pathname, base);
  const { page: name, id, tab } = route.peek();
  if (next.page !== name || next.id !== id) {
    saved.value = DEFAULT;
    shell.live.value = "";
  }
  const search = addressSearch();
  state.value = parse(search, { ...saved.peek(), view: "" });
  if (next.page !== name || next.id !== id || next.tab !== tab) route.value = next;
}

const MODULES = /** @type {Record<string, () => Promise<{ default: (props: PageProps) => any }>>} */ ({
  home: () => import("./pages/home.js"),
  experiment: () => import("./pages/experiment.js"),
  run: () => import("./pages/run.js"),
  compare: () => import("./pages/compare.js"),
  notes: () => import("./pages/notes.js"),
  view: () => import("./pages/view.js"),
});

/** @typedef {{ key: string, content: any }} Loaded */
const loaded = signal(/** @type {Loaded | null} */ (null));

/** @param {PageProps["route"]} to */
async function load(to) {
  const key = `${to.page}/${to.id}`;
  const find = MODULES[to.page];
  if (!find) {
    shell.header.value = { title: "Page not found" };
    const content = html`<${Empty} title="Page not found">No page has this address: ${location.pathname}<//>`;
    loaded.value = { key, content };
    return;
  }
  try {
    const { default: Page } = await find();
    if (route.peek() !== to) return;
    loaded.value = { key, content: html`<${Page} key=${key} route=${to} state=${state} shell=${shell} />` };
  } catch (error) {
    if (route.peek() !== to) return;
    shell.header.value = { title: "Page not loaded" };
    loaded.value = { key, content: html`<${Problem} key=${key} error=${error} retry=${() => load(to)} />` };
  }
}

function useFocusOnPage() {
  const key = loaded.value?.key;
  useEffect(() => {
    // The first page takes no focus, as after any load of a page.
    if (key && useFocusOnPage.last && useFocusOnPage.last !== key) document.getElementById("page")?.focus();
    if (key) useFocusOnPage.last = key;
  }, [key]);
}
useFocusOnPage.last = "";

const close = () => (sheet.value = "");

function App() {
  useFocusOnPage();
  const go = (/** @type {string} */ name) => () => shell.go(shell.href({ page: /** @type {any} */ (name) }));
  useKeys(
    {
      "Ctrl+k": ["Go anywhere, do anything", () => (sheet.value = "palette")],
      "?": ["All keys", () => (sheet.value = "keys")],
      d: ["Theme: light, dark, the system's", changeTheme],
      "g h": ["Go to the experiments", go("home")],
      "g e": ["Go to an experiment", () => (sheet.value = "palette")],
      "g r": ["Go to a run", () => (sheet.value = "palette")],
    },
    "Everywhere",
  );
  return html`<a class="skip" href="#page" onClick=${skip}>Skip to the page</a>
    <${Header} shell=${shell} theme=${theme.value} onTheme=${changeTheme} onSheet=${(/** @type {any} */ to) => (sheet.value = to)} />
    <main id="page" tabindex="-1">
      <${Boundary} key=${loaded.value?.key}>${loaded.value?.content}<//>
    </main>
    <${Toasts} />
    ${sheet.value === "keys" ? html`<${KeySheet} onClose=${close} />` : null}
    ${sheet.value === "palette" ? html`<${Palette} search=${findPlaces} pages=${pagesNear()} onClose=${close} />` : null}`;
}

/** @param {string} text @param {AbortSignal} signal */
const findPlaces = async (text, signal) => (await import("./pages/places.js")).findPlaces(shell, text, signal);

/** Return the pages that belong to the shown one. @returns {import("./parts/palette.js").Place[]} */
function pagesNear() {
  const { page: name, id } = route.value;
  /** @param {string} text @param {Partial<PageProps["route"]> & { page: import("./lib/route.js").PageName }} to */
  const place = (text, to) => ({ text, icon: "file", go: () => shell.go(shell.href(to)) });
  const home = place("All experiments", { page: "home" });
  if (name === "run") return [...RUN_TABS.map((tab) => place(`Run: ${tab || "overview"}`, { page: "run", id, tab })), home];
  if (!id || name === "view") return [home];
  return [place("Runs", { page: "experiment", id }), place("Notes", { page: "notes", id }), home];
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("page")?.focus();
}

function changeTheme() {
  const next = theme.peek() === "light" ? "dark" : theme.peek() === "dark" ? "" : "light";
  theme.value = next;
  localStorage.setItem("runbridge.theme", next);
  if (state.peek().theme) shell.change({ theme: /** @type {"" | "light" | "dark"} */ (next) }, "replace");
}

/** Follow links between pages without loading the site again. @param {MouseEvent} event */
function onClick(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || parseRoute(link.pathname, base).page === "unknown") return;
  if (link.pathname === location.pathname && link.search === location.search && link.hash) return;
  event.preventDefault();
  shell.go(link.href);
}

effect(() => {
  if (theme.value) page.dataset.theme = theme.value;
  else delete page.dataset.theme;
});
effect(() => {
  if (state.value.theme) theme.value = state.value.theme;
});
effect(() => {
  const { title } = shell.header.value;
  document.title = [title, shell.workspace, "Runbridge"].filter(Boolean).join(" · ");
});
effect(() => {
  // The saved view arrived: what the address contains are changes over it.
  if (saved.value !== DEFAULT) state.value = parse(addressSearch(), { ...saved.value, view: "" });
});
effect(() => {
  load(route.value);
});
DARK_SYSTEM.addEventListener("change", (event) => (systemDark.value = event.matches));
addEventListener("popstate", readAddress);
document.addEventListener("click", onClick);
render(html`<${App} />`, document.getElementById("app") ?? document.body);
