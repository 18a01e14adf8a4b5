/** The frame of a chart of lines: a canvas with axes and a grid, a crosshair, and the range that one drags over. */

import { follow } from "./table_drag.js";
import { inkOf } from "./theme.js";

/** @typedef {[number, string][]} Ticks the values with a tick, and their texts */
/** @typedef {{ ticks: (room: number) => Ticks, place: (value: number) => number }} Axis `ticks` gets the length of the
 *  axis in pixels of the page, `place` returns a part of it, from 0 to 1. */
/** @typedef {{ left: number, top: number, width: number, height: number }} Box in pixels of the page */

const ABOVE = 8;
const AFTER = 10;
const BELOW = 24;
const GAP = 4;
/** Pixels that the pointer must move before a press becomes a drag. */
const LEAST_DRAG = 3;

export class LinesFrame {
  /**
   * @param {HTMLElement} parent
   * @param {{ onDrag?: (low: number, high: number) => void, onReset?: () => void }} calls `onDrag` gets places in pixels
   *   from the left of the area
   */
  constructor(parent, { onDrag, onReset }) {
    this.parent = parent;
    this.root = element("lines-frame");
    this.canvas = document.createElement("canvas");
    this.area = element("lines-area");
    this.cross = element("lines-cross");
    this.select = element("lines-select");
    this.cross.hidden = this.select.hidden = true;
    this.area.append(this.cross, this.select);
    this.root.append(this.canvas, this.area);
    parent.append(this.root);
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** @type {Box} */
    this.box = { left: 0, top: ABOVE, width: 0, height: 0 };
    /** The ticks of x and of y, as they are drawn. @type {[Ticks, Ticks]} */
    this.ticks = [[], []];
    if (onDrag) this.area.addEventListener("pointerdown", (event) => this.press(event, onDrag));
    if (onReset) this.area.addEventListener("dblclick", onReset);
  }

  /**
   * Draw the axes and the grid on an empty canvas.
   * @param {number} width
   * @param {number} height
   * @param {Axis} x
   * @param {Axis} y
   */
  draw(width, height, x, y) {
    const ratio = devicePixelRatio || 1;
    const { canvas, context } = this;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) {
      canvas.width = wide;
      canvas.height = high;
      Object.assign(this.root.style, { width: `${width}px`, height: `${height}px` });
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `11px ${getComputedStyle(this.parent).fontFamily}`;
    const room = Math.max(0, height - ABOVE - BELOW);
    const rows = y.ticks(room);
    const left = Math.ceil(Math.max(24, ...rows.map(([, text]) => context.measureText(text).width + 10)));
    this.box = { left, top: ABOVE, width: Math.max(0, width - left - AFTER), height: room };
    const columns = x.ticks(this.box.width);
    this.ticks = [columns, rows];
    this.drawTicks(x, y, inkOf("--grid", this.parent), inkOf("--soft", this.parent));
    context.setTransform(1, 0, 0, 1, 0, 0);
    const { box } = this;
    Object.assign(this.area.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, height: `${box.height}px` });
  }

  /**
   * Draw the right part of the area again.
   * @param {number} left where it starts, in whole pixels of the canvas
   * @param {Axis} x
   * @param {Axis} y
   * @param {() => void} draw what is above the grid
   */
  redrawFrom(left, x, y, draw) {
    const ratio = devicePixelRatio || 1;
    const { context, box } = this;
    const style = getComputedStyle(this.parent);
    const [top, height] = [Math.round(box.top * ratio), Math.round(box.height * ratio)];
    context.save();
    context.beginPath();
    context.rect(left, top, this.canvas.width - left, height);
    context.clip();
    context.clearRect(left, top, this.canvas.width - left, height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawTicks(x, y, style.getPropertyValue("--grid").trim(), style.getPropertyValue("--soft").trim());
    context.setTransform(1, 0, 0, 1, 0, 0);
    draw();
    context.restore();
  }

  /** @param {Axis} x @param {Axis} y @param {string} grid @param {string} ink */
  drawTicks(x, y, grid, ink) {
    const { context } = this;
    const { left, top, width, height } = this.box;
    const ratio = devicePixelRatio || 1;
    /** Lines of one pixel are sharp in the middle of a pixel. @param {number} at */
    const sharp = (at) => (Math.round(at * ratio) + 0.5) / ratio;
    context.lineWidth = 1 / ratio;
    context.strokeStyle = grid;
    context.fillStyle = ink;
    context.beginPath();
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const [value, text] of this.ticks[0]) {
      const at = left + x.place(value) * width;
      context.moveTo(sharp(at), top);
      context.lineTo(sharp(at), top + height);
      context.fillText(text, at, top + height + GAP);
    }
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const [value, text] of this.ticks[1]) {
      const at = top + (1 - y.place(value)) * height;
      context.moveTo(left, sharp(at));
      context.lineTo(left + width, sharp(at));
      context.fillText(text, left - GAP, at);
    }
    context.stroke();
  }

  /** @param {PointerEvent} event @param {(low: number, high: number) => void} onDrag */
  press(event, onDrag) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    const edge = this.area.getBoundingClientRect();
    const inside = (/** @type {PointerEvent} */ moved) => Math.min(Math.max(moved.clientX - edge.left, 0), edge.width);
    const start = inside(event);
    let dragged = false;
    follow(
      event,
      (moved) => {
        const now = inside(moved);
        dragged ||= Math.abs(now - start) >= LEAST_DRAG;
        if (!dragged) return;
        this.select.hidden = false;
        Object.assign(this.select.style, { left: `${Math.min(start, now)}px`, width: `${Math.abs(now - start)}px` });
      },
      (moved) => {
        this.select.hidden = true;
        if (!dragged) return;
        this.swallowClick();
        const [low, high] = [start, inside(moved)].sort((one, other) => one - other);
        if (moved.type === "pointerup" && high - low >= LEAST_DRAG) onDrag(low, high);
      },
    );
  }

  /** A drag ends with a click, which chooses no line. */
  swallowClick() {
    const stop = (/** @type {Event} */ event) => event.stopPropagation();
    this.parent.addEventListener("click", stop, { capture: true, once: true });
    setTimeout(() => this.parent.removeEventListener("click", stop, { capture: true }));
  }

  /** Move the crosshair to a place from the left of the area, in pixels, or away. @param {number | null} left */
  moveCross(left) {
    const inside = left !== null && left >= 0 && left <= this.box.width;
    this.cross.hidden = !inside;
    if (inside) this.cross.style.transform = `translateX(${left}px)`;
  }

  destroy() {
    this.root.remove();
  }
}

/** @param {string} name */
function element(name) {
  const made = document.createElement("div");
  made.className = name;
  return made;
}
