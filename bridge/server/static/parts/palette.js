/** The palette: it finds pages, runs, experiments, metrics and commands. */

import { html } from "htm/preact";
import { Dialog } from "./dialog.js";

/** @param {{ shell: import("../shell.js").Shell, experiment: string, onClose: () => void }} props */
export const Palette = ({ onClose }) =>
  html`<${Dialog} label="Go to" plain onClose=${onClose} class="palette"><p class="soft">…</p><//>`;
