/** Where rows of a log are on the screen. */

/** The first row that is seen. @param {HTMLElement} ground @returns {HTMLElement | null} */
export function topRow(ground) {
  const rows = /** @type {HTMLCollectionOf<HTMLElement>} */ (ground.firstElementChild?.children ?? []);
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].offsetTop + rows[middle].offsetHeight <= ground.scrollTop) low = middle + 1;
    else high = middle;
  }
  return rows[low] ?? null;
}

/** The row that contains a place of the file. @param {HTMLElement} ground @param {number} place @returns {HTMLElement | null} */
export function rowAt(ground, place) {
  const rows = /** @type {HTMLElement[]} */ ([...(ground.firstElementChild?.children ?? [])]);
  return rows.findLast((row) => Number(row.dataset.at) <= place) ?? null;
}
