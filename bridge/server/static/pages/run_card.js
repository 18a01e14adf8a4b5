/** The cards of one key: each is the frame of one chart, with its title, its last value and what one can do with it. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { exact, number, plural } from "../lib/format.js";
import { chartKinds, isSystem, SYSTEM } from "../lib/kinds.js";
import { shownWord } from "../parts/bands.js";
import { Icon } from "../parts/icon.js";
import { Menu } from "../parts/menu.js";
import { menuOf } from "./run_menu.js";
import { Body } from "./run_metric.js";

/** @typedef {import("../lib/kinds.js").Metric} Metric */
/** @typedef {import("../lib/kinds.js").ChartKind} ChartKind */

/** The kinds whose charts need more room. */
const WIDE = ["accuracy_table"];

/** @param {any} props `metric`, and what all charts of the page share */
export function MetricCards({ metric, ...rest }) {
  return chartKinds(metric).map((kind) => html`<${MetricCard} key=${kind} metric=${metric} kind=${kind} ...${rest} />`);
}

/** @param {{ metric: Metric, kind: ChartKind, large: string, onLarge: (name: string) => void } & Record<string, any>} props */
function MetricCard({ metric, kind, large, onLarge, ...rest }) {
  const card = useRef(/** @type {HTMLElement | null} */ (null));
  const near = useNear(card);
  const name = `${metric.key} ${kind}`;
  const isLarge = large === name;
  const single = kind === "value" || kind === "word";
  useEffect(() => {
    if (isLarge) card.current?.scrollIntoView({ block: "nearest" });
  }, [isLarge]);
  return html`<figure
    ref=${card}
    class=${`card metric ${kind}${isLarge ? " large" : ""}${WIDE.includes(kind) ? " wide" : ""}`}
    aria-label=${metric.key}
    data-kind=${kind}
    tabindex="0"
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
      if (event.target !== event.currentTarget || single) return;
      if (event.key === "Enter" || (event.key === "Escape" && isLarge))
        (event.preventDefault(), onLarge(isLarge ? "" : name));
    }}
  >
    <figcaption class="metric-head">
      <h3 title=${metric.key}>${isSystem(metric) ? metric.key.slice(SYSTEM.length) : metric.key}</h3>
      <span class="metric-last">${lastOf(metric, kind)}</span>
      ${!single && html`<${Menu} label=${`Actions of ${metric.key}`} icon="more" class="button quiet small icon" items=${() => menuOf({ metric, kind, run: rest.run, shell: rest.shell, state: rest.state, card: card.current, onLarge: () => onLarge(isLarge ? "" : name) })} />`}
      ${!single && html`<button class="button quiet small icon" aria-label=${`${isLarge ? "Small" : "Large"} view of ${metric.key}`} title="Large view (Enter)" onClick=${() => onLarge(isLarge ? "" : name)}><${Icon} name=${isLarge ? "close" : "grow"} /></button>`}
    </figcaption>
    ${metric.description && html`<p class="metric-about">${metric.description}</p>`}
    <div class="metric-body">
      ${near && html`<${Body} metric=${metric} kind=${kind} large=${isLarge} ...${rest} />`}
    </div>
  </figure>`;
}

/** Whether an element is on the screen or near it; it stays true. @param {{ current: HTMLElement | null }} element */
function useNear(element) {
  const [near, setNear] = useState(false);
  useEffect(() => {
    if (!element.current || near) return undefined;
    const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && setNear(true), {
      rootMargin: "300px",
    });
    watcher.observe(element.current);
    return () => watcher.disconnect();
  }, [near]);
  return near;
}

/** What stands beside the title. @param {import("../lib/devices.js").MetricOfDevices} metric @param {ChartKind} kind */
function lastOf(metric, kind) {
  const facts = metric.series.find(
    (one) => one.kind === "scalar" && one.type === (kind === "bands" ? "text" : "number"),
  );
  if (metric.members) return "";
  if (kind === "line" && facts)
    return html`<b title=${exact(facts.last)}>${number(facts.last)}</b>
      <span class="soft">${plural(facts.points, "point")}</span>`;
  if (kind === "bands" && facts)
    return html`<b>${shownWord(facts.last)}</b> <span class="soft">${plural(facts.points, "value")}</span>`;
  if (kind === "table")
    return html`<span class="soft">${plural(Math.max(...metric.series.map((one) => one.points)), "row")}</span>`;
  return "";
}
