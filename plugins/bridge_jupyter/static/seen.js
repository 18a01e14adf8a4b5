/** Which charts are near the visible part of a view. */

const MARGIN = "300px"; // charts that are this near to the visible part are asked for

/**
 * Tell whether a card is near the visible part of its view, now and after each change. Return a function that ends this.
 *
 * @param {HTMLElement} card
 * @param {string} name
 * @param {(name: string, seen: boolean) => void} see
 */
export function watchSeen(card, name, see) {
  const root = card.closest(".body");
  const observer = new IntersectionObserver(([{ isIntersecting }]) => see(name, isIntersecting), { root, rootMargin: MARGIN });
  observer.observe(card);
  return () => (observer.disconnect(), see(name, false));
} // prettier-ignore
