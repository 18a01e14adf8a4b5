/** Icons: lines of one width on a grid of 16 pixels. */

import { html } from "htm/preact";

/** @type {Record<string, string>} */
const PATHS = {
  archive: "M2.5 3h11v3h-11zM3.5 6v7h9V6M6.5 8.5h3",
  arrow: "M3 8h9M8.5 4.5 12 8l-3.5 3.5",
  chart: "M2.5 2.5v11h11M4.5 10.5l3-4 2.5 2 3-4.5",
  check: "M3 8.5 6.5 12 13 4.5",
  close: "M4 4l8 8M12 4l-8 8",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  compare: "M5.5 2.5v11M10.5 2.5v11M2.5 5.5h6M7.5 10.5h6",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  dark: "M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z",
  down: "M4 6l4 4 4-4",
  download: "M8 2.5v8M4.8 7.5 8 10.7l3.2-3.2M2.5 13.5h11",
  edit: "M3 13l.6-2.8L10.8 3a1.2 1.2 0 0 1 1.7 0l.5.5a1.2 1.2 0 0 1 0 1.7L5.8 12.4z",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 6a2 2 0 1 0 0 4 2 2 0 0 0 0-4z",
  "eye-off": "M2.5 2.5l11 11M6.3 3.7A7 7 0 0 1 8 3.5c4 0 6.5 4.5 6.5 4.5a12 12 0 0 1-2 2.5M10 12.2a6 6 0 0 1-2 .3C4 12.5 1.5 8 1.5 8a12 12 0 0 1 2.2-2.7",
  file: "M4 1.5h5L12.5 5v9.5H4zM9 1.5V5h3.5",
  filter: "M2 3.5h12M4.5 8h7M6.5 12.5h3",
  folder: "M1.5 12.5v-9h4.4l1.4 1.8h7.2v7.2z",
  grow: "M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9",
  group: "M2.5 3h3v3h-3zM8 4.5h5.5M2.5 10h3v3h-3zM8 11.5h5.5",
  leave: "M6.5 2.5h-4v11h4M6 8h7.5M10.5 5l3 3-3 3",
  light: "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  link: "M6.5 9.5l3-3M7 4.5l1.4-1.4a2.9 2.9 0 0 1 4.1 4.1L11 8.7M9 11.5l-1.4 1.4a2.9 2.9 0 0 1-4.1-4.1L5 7.3",
  more: "M3 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0zM7.5 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0zM12 8a.5.5 0 1 0 1 0 .5.5 0 1 0-1 0z",
  pin: "M5.5 2.5h5M6.5 2.5V7l-2 2.5h7L9.5 7V2.5M8 9.5v4",
  plus: "M8 3v10M3 8h10",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.5 10.5l3 3",
  settings: "M2 4.5h7M12 4.5h2M2 11.5h2M7 11.5h7M10.5 3v3M5.5 10v3",
  system: "M2 3h12v8H2zM6 13.5h4M8 11v2.5",
  tag: "M2.5 2.5h5l6 6-5 5-6-6zM5.2 5.2h.01",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.7 9.5h6.6L12 4M6.8 6.5v4.5M9.2 6.5v4.5",
  turn: "M3 5.5h9L9.5 3M13 10.5H4L6.5 13",
  up: "M4 10l4-4 4 4",
  view: "M3.5 2h9v12L8 10.5 3.5 14z",
  right: "M6 4l4 4-4 4",
  wrap: "M2.5 4h11M2.5 8h8a2.2 2.2 0 0 1 0 4.5H7M8.7 10.7 7 12.5l1.7 1.7M2.5 12.5h2",
}; // prettier-ignore

/** An icon in the colour of the text beside it. It has no meaning of its own for screen readers. @param {{ name: string }} props */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name] ?? ""} /></svg>`;
