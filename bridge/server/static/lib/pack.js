/** Places sections of charts side by side, so that short sections share a row. */

/**
 * A section as the packing needs it: how many charts wide it is, or 0 if it is closed.
 * @typedef {{ width: number }} Unpacked
 * `span` of `COLUMNS` is its share of the row, `columns` its charts beside each other, and `starts` says that a row begins.
 * @typedef {{ span: number, columns: number, starts: boolean }} Packed
 */

/** All counts of charts in a row divide this number. */
export const COLUMNS = 60;

/**
 * Pack sections into rows, in their order. A section that is wider than a row has a row of its own.
 * @param {readonly Unpacked[]} sections
 * @param {number} perRow the greatest number of charts in a row, 1 to 6
 * @returns {Packed[]}
 */
export function packSections(sections, perRow) {
  /** @type {{ open: boolean, sum: number, members: number[] }[]} */
  const rows = [];
  const widths = sections.map(({ width }) => Math.min(perRow, Math.max(1, width)));
  sections.forEach(({ width }, at) => {
    const last = rows[rows.length - 1];
    const fits = last && last.open === width > 0 && last.sum + widths[at] <= perRow && width <= perRow;
    if (fits) {
      last.members.push(at);
      last.sum += widths[at];
    } else rows.push({ open: width > 0, sum: widths[at], members: [at] });
  });
  const total = sections.reduce((sum, { width }) => sum + width, 0);
  // Two charts may fill the page. Otherwise no chart is more than twice as wide as the others.
  const least = total <= 2 ? 1 : Math.ceil(perRow / 2);
  return rows.flatMap(({ open, sum, members }) => {
    const columns = open ? Math.max(sum, least) : perRow;
    return members.map((at, place) => ({ span: (COLUMNS / columns) * widths[at], columns: widths[at], starts: place === 0 }));
  });
}

/**
 * @typedef {object} Room
 * @property {number} width of the screen
 * @property {number} height of the screen
 * @property {number} body the usual height of a chart's body
 * @property {number} frame the height of what is around it
 * @property {number} head the height of a section's head
 */

const [LOWEST, HIGHEST, SHAPE] = [0.75, 2, 0.5];

/**
 * Return how many charts a row has at most, the place of each section, and the height of a chart's body.
 *
 * If all charts fit on the screen, they are as wide and as high as they can be.
 * @param {(perRow: number) => Unpacked[]} sectionsOf
 * @param {number} most the greatest number of charts in a row for which there is room
 * @param {Room} room
 */
export function fitCharts(sectionsOf, most, room) {
  for (let perRow = 1; perRow <= most; perRow++) {
    const sections = sectionsOf(perRow);
    const packed = packSections(sections, perRow);
    const [fitting, width] = fittingBody(sections, packed, room);
    // A wide chart is not also low.
    const wanted = perRow < most ? Math.min(HIGHEST * room.body, SHAPE * width) : LOWEST * room.body;
    if (fitting < Math.max(LOWEST * room.body, wanted)) continue;
    return { perRow, packed, body: Math.round(Math.min(fitting, HIGHEST * room.body, Math.max(room.body, 0.56 * width))) };
  }
  return { perRow: most, packed: packSections(sectionsOf(most), most), body: room.body };
}

/**
 * Return the height of a body with which all charts fit on the screen, and the width of the widest chart.
 * @param {readonly Unpacked[]} sections
 * @param {readonly Packed[]} packed
 * @param {Room} room
 */
function fittingBody(sections, packed, { width, height, frame, head }) {
  let used = 0;
  let lines = 0;
  let widest = 0;
  let deepest = 0;
  packed.forEach(({ span, columns, starts }, at) => {
    if (starts) {
      lines += deepest;
      deepest = 0;
      used += head;
    }
    if (!sections[at].width) return;
    deepest = Math.max(deepest, Math.ceil(sections[at].width / columns));
    widest = Math.max(widest, (width * span) / COLUMNS / columns);
  });
  lines += deepest;
  return lines ? [Math.floor((height - used) / lines) - frame, widest] : [0, 0];
}
