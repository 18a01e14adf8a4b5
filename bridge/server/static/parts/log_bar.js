/** The tools of a log: search with its count, following, wrapping, download. */

import { html } from "htm/preact";
import { useEffect, useRef } from "preact/hooks";
import { bytes, count } from "../lib/format.js";
import { Icon } from "./icon.js";
import { useKeys } from "./keys.js";

/**
 * @param {{
 *   wanted: string, onWanted: (text: string) => void, found: (import("./log_window.js").Found & { place: number | null }) | null,
 *   onStep: (way: "next" | "before") => void, size: number, live: boolean, follow: boolean, onFollow: () => void,
 *   wrap: boolean, onWrap: (wrap: boolean) => void, href: string,
 * }} props
 */
export function LogBar({ wanted, onWanted, found, onStep, size, live, follow, onFollow, wrap, onWrap, href }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const step = (/** @type {"next" | "before"} */ way) => (wanted ? onStep(way) : false);
  useKeys(
    {
      "/": ["Find in the log", () => (field.current?.focus(), field.current?.select())],
      n: ["Next find", () => step("next")],
      N: ["Previous find", () => step("before")],
      w: ["Wrap long lines", () => onWrap(!wrap)],
      G: ["End of the log", onFollow],
    },
    "Log",
  );
  useEffect(() => {
    if (wanted && field.current && !field.current.value) field.current.value = wanted;
  }, []);
  const state =
    !wanted || !found
      ? ""
      : found.count
        ? `${found.place === null ? "" : `${count(found.at)} of `}${count(found.count)}${found.more ? "+" : ""}`
        : "not found";
  return html`<div class="log-bar">
    <input
      ref=${field}
      class="field log-find"
      type="search"
      placeholder="Find"
      aria-label="Find in log"
      value=${wanted}
      spellcheck=${false}
      onInput=${(/** @type {Event} */ event) => onWanted(/** @type {HTMLInputElement} */ (event.target).value)}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key === "Enter") (event.preventDefault(), step(event.shiftKey ? "before" : "next"));
        if (event.key === "Escape") (onWanted(""), field.current?.blur());
      }}
    />
    <span class="log-count" role="status">${state}</span>
    <button
      class="button quiet small icon"
      aria-label="Previous find"
      title="Previous (N)"
      disabled=${!found?.count}
      onClick=${() => step("before")}
    >
      <${Icon} name="up" />
    </button>
    <button
      class="button quiet small icon"
      aria-label="Next find"
      title="Next (n)"
      disabled=${!found?.count}
      onClick=${() => step("next")}
    >
      <${Icon} name="down" />
    </button>
    <span class="space"></span>
    <span class="log-size soft">${bytes(size)}</span>
    <button
      class="button small"
      aria-pressed=${follow}
      title=${live ? "Follow the end of the log (G)" : "Go to the end of the log (G)"}
      onClick=${onFollow}
    >
      ${live && follow ? html`<i class="dot" aria-hidden="true"></i>` : ""}${live ? "Follow" : "End"}
    </button>
    <button class="button small" aria-pressed=${wrap} title="Wrap long lines (w)" onClick=${() => onWrap(!wrap)}>
      Wrap
    </button>
    <a class="button small" href=${href} download>Download</a>
  </div>`;
}
