/** What a run shows besides its charts: error, latest values, params and log. */

import { html } from "htm/preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { bytes } from "runbridge/lib/format.js";
import { shownValue } from "./rows.js";

/** @typedef {import("./connection.js").Connection} Connection */
/** @typedef {import("./types").RunFacts} RunFacts */

/** The error of a failed run, and the warnings. @param {{ run: RunFacts | null, problem: string }} props */
export function Problems({ run, problem }) {
  const messages = [...(run?.error ? [run.error] : []), ...(run?.warnings ?? []), ...(problem ? [problem] : [])];
  return messages.map((message) => html`<p class=${message === run?.error ? "message bad" : "message"}>${message}</p>`);
}

/**
 * @param {{ run: RunFacts, charted: Set<string>, tables: string[] }} props `charted` are the metrics that have a chart.
 *   The values whose keys begin with one of `tables` are in charts of tables.
 */
export function Values({ run, charted, tables }) {
  const values = run.values.filter(([key]) => !charted.has(key) && !tables.some((start) => key.startsWith(start)));
  return html`
    ${values.length ? html`<${Pairs} title="Latest values" pairs=${values} open />` : null}
    ${run.params.length ? html`<${Pairs} title="Params" pairs=${run.params} />` : null}
  `;
}

/** @param {{ title: string, pairs: [string, number | string][], open?: boolean }} props */
function Pairs({ title, pairs, open = false }) {
  return html`<details open=${open}>
    <summary><span class="strong">${title}</span> <span class="soft">${pairs.length}</span></summary>
    <dl class="pairs">
      ${pairs.map(
        ([key, value]) =>
          html`<div key=${key}>
            <dt class="cut" title=${key}>${key}</dt>
            <dd class="cut" title=${String(value)}>${shownValue(value)}</dd>
          </div>`,
      )}
    </dl>
  </details>`;
}

/** The end of the log. It follows new lines while it is at its end. @param {{ connection: Connection }} props */
export function Log({ connection }) {
  const log = connection.log.value;
  const lines = useRef(/** @type {HTMLPreElement | null} */ (null));
  const follows = useRef(true);
  useLayoutEffect(() => {
    const element = lines.current;
    if (element && follows.current) element.scrollTop = element.scrollHeight;
  }, [log]);
  if (!log) return null;
  const scroll = (/** @type {{ currentTarget: HTMLElement }} */ { currentTarget: one }) => {
    follows.current = one.scrollTop + one.clientHeight >= one.scrollHeight - 8;
  };
  const open = (/** @type {{ currentTarget: HTMLDetailsElement }} */ { currentTarget: one }) => {
    connection.send({ kind: "log", open: one.open });
    if (one.open && lines.current) lines.current.scrollTop = lines.current.scrollHeight;
  };
  return html`<details onToggle=${open}>
    <summary><span class="strong">Log</span> <span class="soft">${log.path}, ${bytes(log.size)}</span></summary>
    <pre ref=${lines} onScroll=${scroll} tabindex="0" aria-label="Log">${log.text}</pre>
  </details>`;
}
