/** The line above all pages: where one is, the search field, the state of the live stream, theme and keys. */

import { html } from "htm/preact";
import { copyLink } from "./clipboard.js";
import { Icon } from "./icon.js";

/** @type {Record<string, string>} */
const LIVE = {
  live: "live",
  late: "newest points wait for the disk",
  connecting: "connecting",
  polling: "polling",
  paused: "paused",
  off: "not live",
};

/** @param {{ shell: import("../shell.js").Shell }} props */
function LiveDot({ shell }) {
  const live = shell.live.value;
  return live
    ? html`<span class=${`live live-${live}`} role="status" aria-label="Live updates" data-live=${live}>
        <span class="live-dot" aria-hidden="true"></span><span class="live-text">${LIVE[live]}</span>
      </span>`
    : null;
}

/**
 * @param {object} props
 * @param {import("../shell.js").Shell} props.shell
 * @param {string} props.theme
 * @param {() => void} props.onTheme
 * @param {(sheet: "keys" | "palette") => void} props.onSheet
 * @param {() => void} props.onSignOut
 */
export function Header({ shell, theme, onTheme, onSheet, onSignOut }) {
  const { title, heading, crumbs = [], beside, field, actions } = shell.header.value;
  const home = { text: shell.workspace || "Experiments", href: shell.href({ page: "home" }) };
  const name = theme === "dark" ? "dark" : theme === "light" ? "light" : "system";
  return html`<header class="header">
    <a class="brand" href=${home.href} title="Runbridge: all experiments"><span class="brand-mark" aria-hidden="true"></span><span class="brand-name">Runbridge</span></a>
    <nav class="crumbs" aria-label="Place">
      ${[home, ...crumbs].map(
        (crumb) => html`<a class="crumb" href=${crumb.href} title=${crumb.text}><bdi>${crumb.text}</bdi></a><span class="crumb-line" aria-hidden="true">/</span>`,
      )}
      <h1 class="crumb-title" title=${title}><bdi>${heading ?? (title || "…")}</bdi></h1>
      <button class="button quiet small icon" onClick=${() => copyLink()} aria-label="Copy link" title="Copy the link to what is shown (u)" aria-keyshortcuts="u">
        <${Icon} name="link" />
      </button>
    </nav>
    ${beside ? html`<div class="header-beside">${beside}</div>` : null}
    <div class="header-field">
      ${field !== undefined
        ? field
        : html`<button class="find-button" onClick=${() => onSheet("palette")} aria-keyshortcuts="Control+K">
        <${Icon} name="search" /><span>Find runs, experiments, metrics</span><span class="find-keys"><kbd>Ctrl</kbd><kbd>K</kbd></span>
      </button>`}
    </div>
    ${actions ? html`<div class="header-actions">${actions}</div>` : null}
    <div class="header-end">
      <${LiveDot} shell=${shell} />
      ${field === undefined
        ? null
        : html`<button class="button quiet icon" onClick=${() => onSheet("palette")} aria-label="Go to" title="Go anywhere, do anything (Ctrl K)" aria-keyshortcuts="Control+K">
            <${Icon} name="search" />
          </button>`}
      <button class="button quiet icon" onClick=${onTheme} aria-label=${`Theme: ${name}`} title=${`Theme: ${name} (d)`}>
        <${Icon} name=${name} />
      </button>
      <button class="button quiet icon" onClick=${() => onSheet("keys")} aria-label="Keys" title="All keys (?)">
        <span class="icon-text" aria-hidden="true">?</span>
      </button>
      ${shell.signOut
        ? html`<button class="button quiet icon" onClick=${onSignOut} aria-label="Sign out" title="Sign out of this server">
            <${Icon} name="leave" />
          </button>`
        : null}
    </div>
  </header>`;
}
