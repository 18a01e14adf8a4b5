/** The addresses of pages. */

import { printPath } from "./text.js";

/** @typedef {"home" | "experiment" | "run" | "compare" | "notes" | "view" | "unknown"} PageName */
/** @typedef {{ page: PageName, id: string, tab: string }} Route */

export const RUN_TABS = ["", "metrics", "images", "logs", "files", "source", "children", "details", "system"];

/**
 * Return the page that a path addresses. The id is empty for pages without one.
 *
 * The tab `compare` of an experiment is the page `compare` with the experiment's id, and so is `notes`.
 *
 * @param {string} path The path of the address.
 * @param {string} base The path of the home page without the last `/`.
 * @returns {Route}
 */
export function parseRoute(path, base) {
  /** @type {Route} */
  const unknown = { page: "unknown", id: "", tab: "" };
  if (path !== base && !path.startsWith(`${base}/`)) return unknown;
  let parts;
  try {
    parts = path.slice(base.length).split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return unknown;
  }
  const [kind, id = "", tab = "", ...rest] = parts;
  if (rest.length) return unknown;
  if (kind === undefined) return { page: "home", id: "", tab: "" };
  if (kind === "compare" && !id) return { page: "compare", id: "", tab: "" };
  if (!id) return unknown;
  if (kind === "v" && !tab) return { page: "view", id, tab: "" };
  if (kind === "runs" && RUN_TABS.includes(tab)) return { page: "run", id, tab };
  if (kind !== "experiments") return unknown;
  if (tab === "compare" || tab === "notes") return { page: tab, id, tab: "" };
  return tab ? unknown : { page: "experiment", id, tab: "" };
}

/**
 * Return the address of a page, with a state's text if it is not empty.
 *
 * @param {string} base
 * @param {Partial<Route> & { page: PageName }} route
 * @param {string} search The text of the state, as `lib/state.js` prints it.
 */
export function printRoute(base, { page, id = "", tab = "" }, search = "") {
  const part = printPath(id).replaceAll("/", "%2F");
  const paths = {
    home: "/",
    experiment: `/experiments/${part}`,
    compare: id ? `/experiments/${part}/compare` : "/compare",
    notes: `/experiments/${part}/notes`,
    run: `/runs/${part}${tab ? `/${tab}` : ""}`,
    view: `/v/${part}`,
    unknown: "/",
  };
  return base + paths[page] + (search ? `?${search}` : "");
}
