/** Sections of charts. A closed section holds nothing, and a chart is drawn when it comes near the screen. */

import { html } from "htm/preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.js";

/** @typedef {{ key: string }} AnyChart */
/** @typedef {{ name: string, open: boolean, charts: any[] }} AnySection */

const NEAR = "400px";
const AT_ONCE = 60;

/**
 * @param {object} props
 * @param {AnySection[]} props.sections
 * @param {import("../lib/pack.js").Packed[]} props.packed the place of each section
 * @param {number} props.height the height of a chart with its frame, in pixels
 * @param {(chart: any) => boolean} props.isBig
 * @param {(chart: any) => any} props.chart the content of a chart
 * @param {(key: string, visible: boolean) => void} props.onVisible a chart comes near the screen, or leaves
 * @param {(key: string, seen: boolean) => void} props.onSeen a chart comes onto the screen, or leaves
 * @param {boolean} [props.rest] whether charts near the screen are drawn, too
 * @param {(name: string) => void} props.onToggle
 * @param {(name: string) => void} [props.onUp] a section moves up
 * @param {any} [props.empty]
 */
export function GridOfCharts({ sections, packed, height, isBig, chart, onVisible, onSeen, onToggle, onUp, empty, rest = true }) {
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  const watch = useRef(/** @type {Watch | null} */ (null));
  const [ready, setReady] = useState(false);
  useEffect(() => {
    watch.current = new Watch(/** @type {HTMLElement} */ (scroller.current));
    setReady(true);
    return () => watch.current?.close();
  }, []);
  useEffect(() => {
    if (rest) watch.current?.widen();
  }, [rest]);
  return html`<div class="chart-scroll" ref=${scroller} role="region" aria-label="Charts" tabindex="-1">
    ${sections.length ? null : empty}
    <div class="chart-sections">${ready && sections.map(
      (section, at) => html`<${Section} key=${section.name} section=${section} place=${packed[at]} height=${height} isBig=${isBig}
        chart=${chart} watch=${watch.current} onVisible=${onVisible} onSeen=${onSeen} onToggle=${onToggle} onUp=${at > 0 ? onUp : undefined} />`,
    )}</div>
  </div>`;
}

/** @param {any} props */
function Section({ section, place, height, isBig, chart, watch, onVisible, onSeen, onToggle, onUp }) {
  const [most, setMost] = useState(AT_ONCE);
  const { name, open, charts } = section;
  const { columns, span, starts } = place;
  return html`<section class="chart-section" data-section=${name} style=${{ gridColumn: `${starts ? "1 / " : ""}span ${span}` }}>
    <div class="chart-section-head">
      <h2><button type="button" class="toggle" aria-expanded=${open} onClick=${() => onToggle(name)}>
        <span class="sign" aria-hidden="true">${open ? "▾" : "▸"}</span>${name}<span class="count">${charts.length}</span>
      </button></h2>
      ${onUp ? html`<button type="button" class="button quiet small icon section-up" aria-label=${`Move ${name} up`} title="Move up"
        onClick=${() => onUp(name)}><${Icon} name="up" /></button>` : null}
    </div>
    ${open
      ? html`<div class="chart-grid" style=${{ "--per-row": columns }}>
          ${charts.slice(0, most).map(
            (/** @type {AnyChart} */ item) => html`<${Lazy} key=${item.key} id=${item.key} big=${isBig(item) && columns > 1} height=${height}
              watch=${watch} onVisible=${onVisible} onSeen=${onSeen} content=${() => chart(item)} />`,
          )}
        </div>
        ${charts.length > most
          ? html`<button type="button" class="button" onClick=${() => setMost(most + AT_ONCE)}>Show ${Math.min(AT_ONCE, charts.length - most)} more of ${charts.length}</button>`
          : null}`
      : null}
  </section>`;
}

/** @param {any} props */
function Lazy({ id, big, height, watch, onVisible, onSeen, content }) {
  const node = useRef(/** @type {HTMLElement | null} */ (null));
  const [near, setNear] = useState(false);
  useEffect(() => {
    const { current } = node;
    if (!current) return;
    const near = (/** @type {boolean} */ is) => {
      setNear(is);
      onVisible(id, is);
    };
    watch.add(current, near, (/** @type {boolean} */ is) => onSeen(id, is));
    return () => {
      watch.remove(current);
      onVisible(id, false);
      onSeen(id, false);
    };
  }, [watch]);
  return html`<div class=${`chart-slot${big ? " big" : ""}`} ref=${node} style=${{ minHeight: `${height}px` }}>${near ? content() : null}</div>`;
}

/** Tells charts when they come near the part of a scroller that is on the screen: at first, only when they are on it. */
class Watch {
  /** @param {HTMLElement} scroller */
  constructor(scroller) {
    /** @type {Map<Element, [near: (is: boolean) => void, seen: (is: boolean) => void]>} */
    this.calls = new Map();
    // On a narrow screen an outer element scrolls, so the window is the root.
    this.root = getComputedStyle(scroller).overflowY === "visible" ? null : scroller;
    this.wide = false;
    this.observers = [this.observer("0px", (node, is) => {
      const [near, seen] = this.calls.get(node) ?? [];
      if (!this.wide) near?.(is);
      seen?.(is);
    })];
  }

  /** @param {string} margin @param {(node: Element, is: boolean) => void} tell */
  observer(margin, tell) {
    /** @param {IntersectionObserverEntry[]} entries */
    const call = (entries) => entries.forEach((entry) => tell(entry.target, entry.isIntersecting));
    return new IntersectionObserver(call, { root: this.root, rootMargin: `${margin} 0px` });
  }

  /** Tell it also to charts near the screen. */
  widen() {
    if (this.wide) return;
    this.wide = true;
    const observer = this.observer(NEAR, (node, is) => this.calls.get(node)?.[0](is));
    this.observers.push(observer);
    for (const node of this.calls.keys()) observer.observe(node);
  }

  /**
   * @param {Element} node
   * @param {(near: boolean) => void} near
   * @param {(seen: boolean) => void} seen
   */
  add(node, near, seen) {
    this.calls.set(node, [near, seen]);
    for (const observer of this.observers) observer.observe(node);
  }

  /** @param {Element} node */
  remove(node) {
    this.calls.delete(node);
    for (const observer of this.observers) observer.unobserve(node);
  }

  close() {
    for (const observer of this.observers) observer.disconnect();
  }
}
