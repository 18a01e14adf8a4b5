/** The address, the state of the page and its theme, which all pages share. */

import { batch, computed, effect, signal } from "@preact/signals";
import { parseRoute, printRoute } from "./lib/route.js";
import { DEFAULT, parse, print } from "./lib/state.js";

/** @typedef {import("./shell.js").Shell} Shell */
/** @typedef {import("./shell.js").Role} Role */

const [LONGEST_SEARCH, STORE_MS] = [2000, 1000];
const THEME_KEY = "runbridge.theme";
const DARK_SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const page = document.documentElement;
const base = page.dataset.base ?? "/portal";
const role = /** @type {Role} */ (page.dataset.role ?? "reader");

/** The path of the shown page, which a short address does not contain. */
let path = location.pathname;
let storing = 0;
/** The name of the view whose state is `saved`. */
let savedName = "";

/** Return the text of the state in the address: behind `?`, or behind `#?` if it is long. */
const addressSearch = () => (location.hash.startsWith("#?") ? location.hash.slice(2) : location.search.slice(1));

/** @param {string} to @param {string} search */
const addressOf = (to, search) => to + (search.length > LONGEST_SEARCH ? `#?${search}` : search ? `?${search}` : "");

export const route = signal(parseRoute(path, base));
/** @type {Shell["saved"]} */
const saved = signal(DEFAULT);
const state = signal(parse(addressSearch()));
const systemDark = signal(DARK_SYSTEM.matches);
/** @type {import("@preact/signals").Signal<string>} */
export const theme = signal(state.value.theme || localStorage.getItem(THEME_KEY) || "");
const dark = computed(() => (theme.value ? theme.value === "dark" : systemDark.value));

/** Return the state over which an address with a view contains changes. @param {string} view @returns {import("./lib/state.js").State} */
const baseOf = (view) => ({ ...(view && view === savedName ? saved.peek() : DEFAULT), view: "" });

/** @type {Shell} */
export const shell = {
  base,
  role,
  workspace: page.dataset.workspace ?? "",
  address: page.dataset.address ?? "",
  signOut: page.dataset.signOut ?? "",
  header: signal({ title: "" }),
  live: signal(/** @type {import("./shell.js").Live} */ ("")),
  dark,
  saved,
  change(patch, how = "push") {
    const [old, next] = [state.peek(), { ...state.peek(), ...patch }];
    const [before, search] = [print(old, baseOf(old.view)), print(next, baseOf(next.view))];
    state.value = next;
    if (search === before) return;
    history[how === "push" ? "pushState" : "replaceState"](null, "", addressOf(path, search));
    clearTimeout(storing);
    if (search.length > LONGEST_SEARCH && role !== "reader") storing = setTimeout(shorten, STORE_MS);
  },
  href: (to, changes = {}) => addressOf(printRoute(base, to), print({ ...DEFAULT, theme: state.value.theme, ...changes })),
  go(address, how = "push") {
    clearTimeout(storing);
    history[how === "push" ? "pushState" : "replaceState"](null, "", address);
    readAddress();
  },
};

/** Store a state that is too long for an address, and replace the address by a short one. */
async function shorten() {
  const { storeState } = await import("./data/api.js");
  const long = location.href;
  const { id, page: name } = route.peek();
  try {
    const stored = await storeState(path.slice(base.length) + location.hash.slice(1), name === "run" ? undefined : id);
    if (location.href === long) history.replaceState(null, "", printRoute(base, { page: "view", id: stored.id }));
  } catch (error) {
    // The long address works too.
    console.info(error);
  }
}

/** Show the page and the state that a short address stands for. @param {string} id */
export async function openShort(id) {
  const { getState } = await import("./data/api.js");
  const [to, search = ""] = splitOnce((await getState(id)).state, "?");
  if (route.peek().page !== "view" || route.peek().id !== id) return;
  show(base + to, search);
}

/** @param {string} text @param {string} mark */
function splitOnce(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + mark.length)];
}

/** @param {string} to @param {string} search */
function show(to, search) {
  const next = parseRoute(to, base);
  const { page: name, id, tab } = route.peek();
  path = to;
  if (next.page !== name || next.id !== id) {
    shell.live.value = "";
    savedName = "";
  }
  batch(() => {
    state.value = parse(search, baseOf(parse(search).view));
    if (next.page !== name || next.id !== id || next.tab !== tab) route.value = next;
  });
}

/**
 * Return the state of one page. After a change to another page it stays as it was, because the page is shown until the
 * module of the other one is loaded.
 * @param {import("./lib/route.js").PageName} name
 * @param {string} id
 */
export function stateOf(name, id) {
  let last = state.peek();
  return computed(() => {
    const [at, now] = [route.value, state.value];
    if (at.page === name && at.id === id) last = now;
    return last;
  });
}

const readAddress = () => show(location.pathname, addressSearch());

/** Change the theme from light to dark, then to the system's. */
export function changeTheme() {
  const next = theme.peek() === "light" ? "dark" : theme.peek() === "dark" ? "" : "light";
  theme.value = next;
  localStorage.setItem(THEME_KEY, next);
  if (state.peek().theme) shell.change({ theme: /** @type {"" | "light" | "dark"} */ (next) }, "replace");
}

/** Follow links between pages without loading the site again. @param {MouseEvent} event */
function onClick(event) {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || parseRoute(link.pathname, base).page === "unknown") return;
  const isPart = link.hash && !link.hash.startsWith("#?");
  if (isPart && link.pathname === location.pathname && link.search === location.search) return;
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
  if (saved.value === DEFAULT) return;
  savedName = parse(addressSearch()).view;
  state.value = parse(addressSearch(), baseOf(savedName));
});
DARK_SYSTEM.addEventListener("change", (event) => (systemDark.value = event.matches));
addEventListener("popstate", readAddress);
document.addEventListener("click", onClick);
