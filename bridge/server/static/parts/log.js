/** A log of any size: its end first, live, with search, links to lines and colours. */

import { html } from "htm/preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { LogBar } from "./log_bar.js";
import { rowAt, topRow } from "./log_place.js";
import { LogRow } from "./log_row.js";
import { LogWindow } from "./log_window.js";
import { sentence } from "./problem.js";

/** @typedef {import("./log_window.js").LogSource} LogSource */
/** @typedef {import("./log_window.js").Found} Found */

/** How near to an end of the window one may scroll before more is read, in pixels. */
const NEAR = 800;
/** How near to the end of the log one counts as being there. */
const AT_END = 24;
const STEPS = 1000;
const FOLLOW_MS = 500;
const TYPING_MS = 200;

/**
 * @param {{
 *   source: LogSource, label: string, live: boolean, changed: number, line: number | null, href: string,
 *   onLine: (line: number | null) => void, wrap: boolean, onWrap: (wrap: boolean) => void, bare?: boolean,
 * }} props `changed` is another number after each change of the file; `line` is the line that the address names.
 *   `bare`: without tools.
 */
export function LogView({ source, label, live, changed, line, href, onLine, wrap, onWrap, bare = false }) {
  const ground = useRef(/** @type {HTMLDivElement | null} */ (null));
  const [state] = useState(() => new State(source));
  const [, draw] = useState(0);
  const [place, setPlace] = useState(STEPS);
  const [wanted, setWanted] = useState("");
  const [found, setFound] = useState(/** @type {Found & { place: number | null } | null} */ (null));
  const [problem, setProblem] = useState("");
  const view = state.window;
  const redraw = () => draw((before) => before + 1);

  /**
   * Do one thing at a time with the window, then draw it. What is wanted meanwhile is done afterwards, or not at all if
   * it only adds rows.
   * @param {() => Promise<unknown>} work
   * @param {boolean} adds
   */
  const change = async (work, adds = false) => {
    if (state.busy) {
      if (!adds) state.next = work;
      return;
    }
    state.busy = true;
    for (let now = /** @type {(() => Promise<unknown>) | null} */ (work); now; now = state.next) {
      state.next = null;
      try {
        await now();
        setProblem("");
      } catch (error) {
        setProblem(sentence(error));
      }
    }
    state.busy = false;
    redraw();
    view.number().then(
      (known) => known && redraw(),
      () => {},
    );
  };

  /** Show a place of the file in the middle of the screen. @param {number} goal */
  const goTo = (goal) => {
    state.follow = false;
    return change(async () => {
      if (goal < view.from || goal >= view.to) await view.openAt(goal);
      state.goal = goal;
    });
  };
  const end = () => {
    state.follow = true;
    onLine(null);
    change(() => (view.atEnd ? Promise.resolve() : view.openEnd()));
  };

  useEffect(() => {
    if (line === null) change(() => view.openEnd());
    else
      source.placeOf(line).then(
        (goal) => (goal === null ? end() : goTo(goal)),
        (error) => setProblem(sentence(error)),
      );
  }, []);

  useEffect(() => {
    const more = () => {
      if (!view.pieces.length) return change(() => view.openEnd(), true);
      state.hold(ground.current);
      return change(() =>
        view.after().then(async (added) => {
          if (added && state.follow && !view.atEnd) await view.openEnd();
        }),
      );
    };
    // When the run ends, what it printed last is read, too.
    if ((changed || (state.wasLive && !live)) && (state.follow || view.atEnd)) more();
    state.wasLive = live;
    if (!live) return undefined;
    // Only a part of a log that is near its end grows: the rest is read when one scrolls there.
    const timer = setInterval(
      () => document.visibilityState === "visible" && (state.follow || view.atEnd) && more(),
      FOLLOW_MS,
    );
    return () => clearInterval(timer);
  }, [live, changed]);

  useLayoutEffect(() => {
    if (ground.current) state.settle(ground.current);
  });

  const onScroll = () => {
    const element = ground.current;
    if (!element) return;
    const left = element.scrollHeight - element.scrollTop - element.clientHeight;
    const follow = view.atEnd && left < AT_END;
    if (follow !== state.follow) {
      state.follow = follow;
      redraw();
    }
    const row = topRow(element);
    if (row && view.size) setPlace(follow ? STEPS : Math.round((Number(row.dataset.at) / view.size) * STEPS));
    if (state.busy) return;
    const way = element.scrollTop < NEAR && view.from > 0 ? "before" : left < NEAR && !view.atEnd ? "after" : null;
    if (!way) return;
    state.hold(element);
    change(() => view[way](), true);
  };

  /** @param {"next" | "before" | "near"} way @param {string} text @param {number} from @param {boolean} again */
  const search = async (way, text, from, again = true) => {
    const answer = await source.find(text, from).catch((error) => (setProblem(sentence(error)), null));
    if (!answer || text !== state.wanted) return;
    const goal = way === "near" ? (answer.next ?? answer.before) : answer[way];
    // Behind the last find comes the first one, and before the first one the last.
    if (goal === null && answer.count && again) return void search(way, text, way === "next" ? 0 : view.size, false);
    setFound({ ...answer, at: goal !== null && goal === answer.next ? answer.at + 1 : answer.at, place: goal });
    if (goal !== null) await goTo(goal);
  };
  const step = (/** @type {"next" | "before"} */ way) =>
    search(way, wanted, found?.place == null ? view.from : found.place + (way === "next" ? 1 : 0));
  useEffect(() => {
    state.wanted = wanted;
    setFound(null);
    if (!wanted) return undefined;
    const top = ground.current && topRow(ground.current);
    const timer = setTimeout(() => search("near", wanted, Number(top?.dataset.at) || 0), TYPING_MS);
    return () => clearTimeout(timer);
  }, [wanted]);

  const slide = (/** @type {Event} */ event) => {
    const share = Number(/** @type {HTMLInputElement} */ (event.target).value) / STEPS;
    setPlace(share * STEPS);
    if (share === 1) return end();
    state.follow = false;
    return change(() => view.openAt(share * view.size));
  };
  const partial = view.from > 0 || !view.atEnd;
  let number = view.line;
  return html`<section class="log" aria-label=${label}>
    ${!bare && html`<${LogBar} wanted=${wanted} onWanted=${setWanted} found=${found} onStep=${step} size=${view.size} live=${live} follow=${state.follow} onFollow=${end} wrap=${wrap} onWrap=${onWrap} href=${href} />`}
    ${problem && html`<p class="log-problem" role="alert">${problem}</p>`}
    <div class="log-body">
      <div
        class=${`log-ground${wrap ? " wrap" : ""}${partial ? " partial" : ""}`}
        ref=${ground}
        onScroll=${onScroll}
        tabindex="0"
        role="log"
        aria-live="off"
        aria-label=${`${label}: text`}
      >
        <div class="log-lines">
          ${view.pieces.map((piece) => {
            const own = number;
            if (number !== null && piece.last) number++;
            const isFound = found?.place != null && found.place >= piece.at && found.place < piece.end;
            return html`<${LogRow}
              key=${piece.at}
              piece=${piece}
              line=${own}
              chosen=${line !== null && own === line}
              wanted=${wanted}
              found=${isFound}
              onLine=${onLine}
            />`;
          })}
        </div>
        ${!view.size && html`<p class="soft log-empty">${live ? "Nothing has been printed yet." : "The log is empty."}</p>`}
      </div>
      ${partial && html`<input class="log-rail" type="range" aria-label="Place in the log" min="0" max=${STEPS} value=${place} onInput=${slide} />`}
    </div>
  </section>`;
}

/** What a view keeps between two drawings. */
class State {
  /** @param {LogSource} source */
  constructor(source) {
    this.window = new LogWindow(source);
    this.busy = false;
    /** @type {(() => Promise<unknown>) | null} */
    this.next = null;
    this.follow = true;
    this.wasLive = false;
    this.wanted = "";
    /** The place of the file that is to be in the middle of the screen. @type {number | null} */
    this.goal = null;
    /** The row that stays where it is while others are added. @type {{ at: number, top: number } | null} */
    this.held = null;
  }

  /** @param {HTMLElement | null} ground */
  hold(ground) {
    const row = ground && topRow(ground);
    this.held = row ? { at: Number(row.dataset.at), top: row.offsetTop - ground.scrollTop } : null;
  }

  /** Scroll to where the drawing belongs. @param {HTMLElement} ground */
  settle(ground) {
    const goal = this.goal === null ? null : rowAt(ground, this.goal);
    const held = this.held && rowAt(ground, this.held.at);
    if (goal) ground.scrollTop = goal.offsetTop - ground.clientHeight / 2;
    else if (this.follow && this.window.atEnd) ground.scrollTop = ground.scrollHeight;
    else if (held && this.held) ground.scrollTop = held.offsetTop - this.held.top;
    if (goal) this.goal = null;
    this.held = null;
  }
}
