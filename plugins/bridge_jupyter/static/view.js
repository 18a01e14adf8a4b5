/** The view of a run, an experiment or a list of runs in a notebook. */

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { plural } from "runbridge/lib/format.js";
import { Status } from "runbridge/parts/status.js";
import { Charts } from "./charts.js";
import { connect, setAxis, zoom } from "./connection.js";
import { Log, Problems, Values } from "./facts.js";
import { elapsed, Rows } from "./rows.js";
import { watchTheme } from "./theme.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").Contents} Contents */

const AXES = [
  ["step", "Step"],
  ["time", "Time"],
  ["relative", "Duration"],
];

/**
 * Show a view in an element of the notebook. Return a function that removes it.
 *
 * @param {{ model: any, el: HTMLElement, style: string }} host
 */
export function mount({ model, el, style }) {
  const connection = connect(model);
  const dark = signal(false);
  const view = crypto.randomUUID?.() ?? String(Math.random());
  const host = document.createElement("div");
  const shadow = host.attachShadow({ mode: "open" });
  const sheet = document.createElement("style");
  sheet.textContent = style;
  const root = document.createElement("div");
  shadow.append(sheet, root);
  host.className = "runbridge-view";
  host.dataset.lmSuppressShortcuts = "true"; // the keys of JupyterLab, which could delete a cell
  for (const name of ["keydown", "keyup", "keypress"]) host.addEventListener(name, (event) => event.stopPropagation());
  el.append(host);
  const forget = watchTheme(host, (isDark) => {
    host.dataset.theme = isDark ? "dark" : "light";
    dark.value = isDark;
  });
  render(html`<${View} ...${{ connection, dark, group: view }} />`, root);
  const picture = hidePicture(model.get("view_id"), connection);
  connection.send({ kind: "ready", view });
  return () => {
    connection.send({ kind: "gone", view });
    forget();
    picture();
    render(null, root);
    host.remove();
  };
}

/**
 * Hide the static picture of the view as soon as the view has contents. Return a function that shows it again.
 *
 * @param {string} id
 * @param {Connection} connection
 */
function hidePicture(id, connection) {
  const sheet = document.createElement("style");
  const selector = `.runbridge-picture[data-view="${CSS.escape(id ?? "")}"]`;
  sheet.textContent = `${selector}, .jp-OutputArea-child:has(${selector}) { display: none }`;
  const end = connection.contents.subscribe((contents) => {
    if (contents) document.head.append(sheet);
  });
  return () => (end(), sheet.remove());
}

/** @param {{ connection: Connection, dark: import("@preact/signals").Signal<boolean>, group: string }} props */
function View({ connection, dark, group }) {
  const contents = connection.contents.value;
  const problem = connection.problem.value;
  const now = useClock(contents);
  if (!contents) return html`<div class="view waiting soft">${problem || "Waiting for the kernel …"}</div>`;
  const charted = new Set(contents.keys.filter((key) => connection.series.value.get(key)?.some((one) => one.points > 1)));
  const runs = contents.subject !== "run" && contents.rows.length > 0;
  const table = html`<${Rows} connection=${connection} dark=${dark.value} now=${now} />`;
  return html`<div class="view" data-subject=${contents.subject}>
    <${Head} ...${{ connection, contents, now, hasCharts: charted.size > 0 }} />
    <div class="body" tabindex="-1">
      <${Problems} run=${contents.run} problem=${problem} />
      ${runs ? table : null}
      <${Charts} connection=${connection} dark=${dark.value} group=${group} />
      ${contents.run ? html`<${Values} run=${contents.run} charted=${charted} />` : null}
      ${runs ? null : table}
      <${Log} connection=${connection} />
      ${isEmpty(contents) ? html`<p class="soft">Nothing is logged yet: <code>run.log("loss", 0.3)</code></p>` : null}
    </div>
  </div>`;
}

/** @param {{ connection: Connection, contents: Contents, now: number, hasCharts: boolean }} props */
function Head({ connection, contents, now, hasCharts }) {
  const { run, experiment, total, link, open } = contents;
  const [told, tell] = useState(false);
  const isAddress = /^https?:/.test(link);
  return html`<header class="head">
    ${run
      ? html`<${Status} status=${run.status} text="" />
          <strong class="cut" title=${run.name}>${run.name}</strong>
          <span class="soft cut">${experiment}</span>
          <span class="soft nowrap">${run.status}, ${elapsed(run, now)}</span>`
      : html`<strong class="cut">${experiment || "Runs"}</strong>
          <span class="soft nowrap">${plural(total, "run")}${open ? ", running" : ""}</span>`}
    <span class="grow"></span>
    ${connection.range.value
      ? html`<button class="button small" onClick=${() => zoom(connection, null)}>Reset zoom</button>`
      : null}
    ${hasCharts
      ? html`<div class="choices" role="group" aria-label="Axis">
          ${AXES.map(
            ([x, name]) =>
              html`<button aria-pressed=${connection.x.value === x} onClick=${() => setAxis(connection, x)}>${name}</button>`,
          )}
        </div>`
      : null}
    ${isAddress
      ? html`<a class="button small" href=${link} target="_blank" rel="noreferrer">Open page</a>`
      : link && html`<button class="button small" aria-expanded=${told} onClick=${() => tell(!told)}>Open page</button>`}
  </header>
  ${told && !isAddress ? html`<p class="command">In a terminal: <code>${link}</code></p>` : null}`;
}

/** Return the time of the kernel's clock, each second while a run is open. @param {Contents | null} contents */
function useClock(contents) {
  const [now, setNow] = useState(Date.now());
  const [ahead, setAhead] = useState(0);
  useEffect(() => {
    setAhead((contents?.now ?? Date.now()) - Date.now());
    setNow(Date.now());
    if (!contents?.open) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [contents]);
  return now + ahead;
}

/** @param {Contents} contents */
const isEmpty = ({ keys, rows, run }) => keys.length === 0 && rows.length === 0 && !run?.values.length;
