/** What the frame of the page and the pages give to each other. */

import type { ReadonlySignal, Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import type { Route } from "./lib/route.js";
import type { State } from "./lib/state.js";

export type Role = "reader" | "writer" | "admin";
export type Live = "" | "live" | "late" | "connecting" | "polling" | "paused" | "off";

/** What the header shows. The page sets it; parts that it does not set are empty. */
export interface Header {
  /** The heading of the page, and the start of the document's title. */
  title: string;
  /** What stands in the place of the heading's text, for example a dot before it. */
  heading?: ComponentChildren;
  /** The links before the heading, without the workspace. */
  crumbs?: { text: string; href: string }[];
  /** What follows the heading: a status, a button that renames. */
  beside?: ComponentChildren;
  /** What stands in the place of the search field. */
  field?: ComponentChildren;
  /** Buttons at the right. */
  actions?: ComponentChildren;
}

export interface Shell {
  /** The path of the home page without the last `/`. */
  base: string;
  role: Role;
  workspace: string;
  /** What `Workspace.open` opens. */
  address: string;
  /** The address that ends the session of this browser; empty if it has none. */
  signOut: string;
  header: Signal<Header>;
  /** The state of the live stream, which the dot in the header shows; empty on pages without one. */
  live: Signal<Live>;
  /** Whether the page is dark now. Charts repaint when it changes. */
  dark: Signal<boolean>;
  /** The state of the saved view that the address names; the address contains changes over it. */
  saved: Signal<Readonly<State>>;
  /** Change the state. With `replace`, as while one drags or types, Back does not return to the state before. */
  change(patch: Partial<State>, how?: "push" | "replace"): void;
  /** Return the address of a page; `state` contains what differs from the default. */
  href(route: Partial<Route> & { page: Route["page"] }, state?: Partial<State>): string;
  /** Go to an address of this site. */
  go(address: string, how?: "push" | "replace"): void;
}

export interface PageProps {
  route: Route;
  state: ReadonlySignal<State>;
  shell: Shell;
}
