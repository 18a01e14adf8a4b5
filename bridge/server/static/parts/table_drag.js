/** Drags on the heads of a table: a column's width, and its place among the others. */

const LEAST_WIDTH = 48;

/**
 * Follow the pointer from the edge of a head.
 * @param {PointerEvent} event
 * @param {number} width the width at the start
 * @param {(width: number, done: boolean) => void} onWidth
 */
export function resizeColumn(event, width, onWidth) {
  event.preventDefault();
  event.stopPropagation();
  const start = event.clientX;
  const widthAt = (/** @type {PointerEvent} */ moved) =>
    Math.max(LEAST_WIDTH, Math.round(width + moved.clientX - start));
  follow(event, (moved) => onWidth(widthAt(moved), false), (moved) => onWidth(widthAt(moved), true));
}

/**
 * Move a column before the head on which it is dropped. A press that does not move stays a press.
 * @param {PointerEvent} event
 * @param {string} id
 * @param {(id: string, before: string | null) => void} onMove
 */
export function moveColumns(event, id, onMove) {
  if (event.button !== 0) return;
  const head = /** @type {HTMLElement} */ (event.currentTarget);
  const heads = /** @type {HTMLElement[]} */ ([...(head.parentElement?.querySelectorAll("[data-id]") || [])]);
  const start = event.clientX;
  let moving = false;
  /** @type {HTMLElement | null} */
  let target = null;
  let after = false;
  follow(
    event,
    (moved) => {
      if (!moving && Math.abs(moved.clientX - start) < 6) return;
      moving = true;
      head.classList.add("moving");
      target?.classList.remove("drop-before", "drop-after");
      target = heads.find((other) => {
        const box = other.getBoundingClientRect();
        return moved.clientX >= box.left && moved.clientX < box.right;
      }) || null;
      if (!target) return;
      const box = target.getBoundingClientRect();
      after = moved.clientX > box.left + box.width / 2;
      target.classList.add(after ? "drop-after" : "drop-before");
    },
    () => {
      head.classList.remove("moving");
      target?.classList.remove("drop-before", "drop-after");
      if (!moving) return;
      swallowClick();
      if (!target || target === head) return;
      const place = heads.indexOf(target) + (after ? 1 : 0);
      const before = place < heads.length ? heads[place].dataset.id || null : null;
      if (before !== id) onMove(id, before);
    },
  );
}

/** A drag ends with a click on the same head, which must not sort. */
function swallowClick() {
  const stop = (/** @type {Event} */ event) => {
    event.stopPropagation();
    event.preventDefault();
  };
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}

/**
 * Call back while the pointer moves, and when it is up.
 * @param {PointerEvent} event
 * @param {(moved: PointerEvent) => void} onMove
 * @param {(moved: PointerEvent) => void} onEnd
 */
export function follow(event, onMove, onEnd) {
  const move = (/** @type {PointerEvent} */ moved) => {
    if (moved.pointerId === event.pointerId) onMove(moved);
  };
  const end = (/** @type {PointerEvent} */ moved) => {
    if (moved.pointerId !== event.pointerId) return;
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    onEnd(moved);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}
