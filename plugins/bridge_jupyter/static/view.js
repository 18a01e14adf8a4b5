/** The view of a run, an experiment or a list of runs in a notebook. */

import { signal } from "@preact/signals";
import { html } from "htm/preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { themeOf } from "runbridge/parts/theme.js";
import { Charts, isChart } from "./charts.js";
import { connect } from "./connection.js";
import { Head } from "./head.js";
import { Log, Problems, Values } from "./facts.js";
import { Rows } from "./rows.js";
import { watchTheme } from "./theme.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").Contents} Contents */

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
  const leave = themeOf(host);
  const forget = watchTheme(host, (isDark) => {
    host.dataset.theme = isDark ? "dark" : "light";
    dark.value = isDark;
  });
  render(html`<${View} ...${{ connection, dark }} />`, root);
  const picture = hidePicture(model.get("view_id"), connection);
  connection.send({ kind: "ready", view });
  return () => {
    connection.send({ kind: "gone", view });
    forget();
    leave();
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

/** @param {{ connection: Connection, dark: import("@preact/signals").Signal<boolean> }} props */
function View({ connection, dark }) {
  const contents = connection.contents.value;
  const problem = connection.problem.value;
  const now = useClock(contents);
  const [hover] = useState(() => signal({ chart: "", run: /** @type {string | null} */ (null), x: /** @type {number | null} */ (null) }));
  const [log, setLog] = useState(false);
  const [smoothing, setSmoothing] = useState(0);
  if (!contents) return html`<div class="view waiting soft">${problem || "Waiting for the kernel …"}</div>`;
  const charted = new Set(contents.keys.filter((key) => isChart(connection, key)));
  for (const [key, kind] of contents.others) if (kind === "bands") charted.add(key);
  const look = { dark: dark.value, log, smoothing };
  const runs = contents.subject !== "run" && contents.rows.length > 0;
  const table = html`<${Rows} connection=${connection} dark=${dark.value} now=${now} />`;
  return html`<div class="view" data-subject=${contents.subject}>
    <${Head} ...${{ connection, contents, now, look, setLog, setSmoothing, hasCharts: contents.keys.some((key) => charted.has(key)) }} />
    <div class="body" tabindex="-1">
      <${Problems} run=${contents.run} problem=${problem} />
      ${runs ? table : null}
      <${Charts} connection=${connection} look=${look} hover=${hover} />
      ${contents.run ? html`<${Values} run=${contents.run} charted=${charted} tables=${contents.others.filter(([, kind]) => kind === "table").map(([key]) => `${key}.`)} />` : null}
      ${runs ? null : table}
      <${Log} connection=${connection} />
      ${isEmpty(contents) ? html`<p class="soft">Nothing is logged yet: <code>run.log("loss", 0.3)</code></p>` : null}
    </div>
  </div>`;
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
const isEmpty = ({ keys, others, rows, run }) =>
  keys.length + others.length + rows.length === 0 && !run?.values.length;
