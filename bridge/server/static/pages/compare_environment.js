/** The environments of the compared runs: packages, variables, interpreter and commit. */

import { useSignal } from "@preact/signals";
import { html } from "htm/preact";
import { useMemo } from "preact/hooks";
import { environmentOf, environmentRows } from "../lib/environment.js";
import { CompareTable } from "./compare_table.js";

/** @param {{ runs: import("./compare_data.js").Run[], base: string, shell: import("../shell.js").Shell }} props */
export function Environments({ runs, base, shell }) {
  const onlyDiffering = useSignal(true);
  const rows = useMemo(() => environmentRows(runs.map(environmentOf)), [runs]);
  const isEqual = rows.every((row) => !row.isDifferent);
  return html`<section class="compare-part" id="environment" aria-label="Environment">
    <header class="part-head">
      <h2>Environment</h2>
      <span class="grow"></span>
      ${rows.length ? html`<label class="check"><input type="checkbox" checked=${onlyDiffering.value} onChange=${() => (onlyDiffering.value = !onlyDiffering.value)} />Only differing</label>` : null}
    </header>
    ${!rows.length
      ? html`<p class="soft">These runs recorded no environment. A run that was started with <code>submit</code> records its packages, variables and interpreter.</p>`
      : isEqual && onlyDiffering.value && runs.length > 1
        ? html`<p class="soft">All ${rows.length} recorded values are equal.</p>`
        : html`<${CompareTable} ...${{ runs, rows, base, shell }} onlyDiffering=${onlyDiffering.value && runs.length > 1} isTurned=${false} label="Table of environments" />`}
  </section>`;
}
