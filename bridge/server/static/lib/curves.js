/** The curves of an accuracy table: ROC, precision–recall, calibration, lift and cumulative gains. Pure functions. */

/**
 * @typedef {{ name: string, x: number[], y: number[], area?: number }} Curve A line of points in order.
 * @typedef {number[][]} Counts A row `[true positives, false positives, true negatives, false negatives]` a threshold.
 * @typedef {{
 *   class_labels: unknown[], probability_tables: Counts[], percentile_tables: Counts[],
 *   probability_thresholds: number[], percentile_thresholds: number[],
 * }} AccuracyTable
 */

export const MICRO = "micro average";
export const MACRO = "macro average";

/** The share `a / b`, or `otherwise` if `b` is 0. @param {number} a @param {number} b @param {number} otherwise */
const share = (a, b, otherwise = 0) => (b > 0 ? a / b : otherwise);

/**
 * The sums of the tables of all classes, row by row: the counts of the micro average.
 * @param {Counts[]} tables
 * @returns {Counts}
 */
function summed(tables) {
  const rows = Math.min(...tables.map((table) => table.length));
  return Array.from({ length: Number.isFinite(rows) ? rows : 0 }, (_, row) =>
    [0, 1, 2, 3].map((cell) => tables.reduce((sum, table) => sum + (table[row][cell] ?? 0), 0)),
  );
}

/** The tables by name: each class, then the micro average. @param {unknown[]} labels @param {Counts[]} tables */
function named(labels, tables) {
  const found = tables.map((table, at) => ({ name: String(labels[at] ?? at), table }));
  return tables.length > 1 ? [...found, { name: MICRO, table: summed(tables) }] : found;
}

/**
 * The points in the order of x, and of y where x is the same, without those that are not numbers.
 * @param {[number, number][]} points
 * @param {1 | -1} direction -1: the greater y comes first
 */
function ordered(points, direction = 1) {
  const sorted = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  sorted.sort((a, b) => a[0] - b[0] || (a[1] - b[1]) * direction);
  return { x: sorted.map((point) => point[0]), y: sorted.map((point) => point[1]) };
}

/** The area below a line, by trapezoids. @param {number[]} x @param {number[]} y */
export function area(x, y) {
  let sum = 0;
  for (let at = 1; at < x.length; at++) sum += ((x[at] - x[at - 1]) * (y[at] + y[at - 1])) / 2;
  return sum;
}

/** The y of a line at an x, by interpolation. @param {number[]} x @param {number[]} y @param {number} at */
function valueAt(x, y, at) {
  let low = 0;
  let high = x.length - 1;
  if (at <= x[low]) return y[low];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] <= at) low = middle;
    else high = middle;
  }
  const width = x[high] - x[low];
  return width > 0 ? y[low] + ((y[high] - y[low]) * (Math.min(at, x[high]) - x[low])) / width : y[high];
}

/** The mean of curves on 101 shares of x. @param {Curve[]} curves @returns {Curve} */
function macro(curves) {
  const x = Array.from({ length: 101 }, (_, at) => at / 100);
  const y = x.map((at) => curves.reduce((sum, curve) => sum + valueAt(curve.x, curve.y, at), 0) / curves.length);
  return { name: MACRO, x, y, area: area(x, y) };
}

/**
 * The rate of true positives over the rate of false positives. The area is the AUC.
 * @param {AccuracyTable} data
 * @returns {Curve[]}
 */
export function roc(data) {
  const curves = named(data.class_labels, data.probability_tables).map(({ name, table }) => {
    const points = table.map(
      ([tp, fp, tn, fn]) => /** @type {[number, number]} */ ([share(fp, fp + tn), share(tp, tp + fn)]),
    );
    const { x, y } = ordered([[0, 0], ...points, [1, 1]]);
    return { name, x, y, area: area(x, y) };
  });
  return curves.length > 2 ? [...curves, macro(curves.filter((curve) => curve.name !== MICRO))] : curves;
}

/**
 * Precision over recall. A threshold that selects nothing has no precision and is skipped.
 * @param {AccuracyTable} data
 * @returns {Curve[]}
 */
export function precisionRecall(data) {
  return named(data.class_labels, data.probability_tables).map(({ name, table }) => {
    const chosen = table.filter(([tp, fp]) => tp + fp > 0);
    const { x, y } = ordered(
      chosen.map(([tp, fp, , fn]) => [share(tp, tp + fn), share(tp, tp + fp)]),
      -1,
    );
    return { name, x, y, area: area(x, y) };
  });
}

/**
 * The share of positives among the cases whose probability lies between two thresholds, over the middle of these.
 * @param {AccuracyTable} data
 * @returns {Curve[]}
 */
export function calibration(data) {
  const thresholds = data.probability_thresholds;
  return named(data.class_labels, data.probability_tables).map(({ name, table }) => {
    const rows = table.map(([tp, fp], at) => ({ at: thresholds[at], tp, all: tp + fp })).sort((a, b) => a.at - b.at);
    /** @type {[number, number][]} */
    const points = [];
    rows.forEach((row, at) => {
      const next = rows[at + 1] ?? { at: 1, tp: 0, all: 0 };
      const cases = row.all - next.all;
      if (cases > 0) points.push([(row.at + Math.max(next.at, row.at)) / 2, (row.tp - next.tp) / cases]);
    });
    return { name, ...ordered(points) };
  });
}

/**
 * The share of the positives that are among the first cases, over the share of these cases.
 * @param {AccuracyTable} data
 * @returns {Curve[]}
 */
export function gains(data) {
  return named(data.class_labels, data.percentile_tables).map(({ name, table }) => {
    const points = table.map(
      (row) => /** @type {[number, number]} */ ([chosenShare(row), share(row[0], row[0] + row[3])]),
    );
    return { name, ...ordered([[0, 0], ...points, [1, 1]]) };
  });
}

/**
 * The share of positives among the first cases, divided by their share among all, over the share of these cases.
 * @param {AccuracyTable} data
 * @returns {Curve[]}
 */
export function lift(data) {
  return named(data.class_labels, data.percentile_tables).map(({ name, table }) => {
    const chosen = table.filter((row) => chosenShare(row) > 0);
    return {
      name,
      ...ordered(chosen.map((row) => [chosenShare(row), share(row[0], row[0] + row[3]) / chosenShare(row)])),
    };
  });
}

/** The share of the cases that a threshold selects. @param {number[]} row */
const chosenShare = ([tp, fp, tn, fn]) => share(tp + fp, tp + fp + tn + fn);

/**
 * The mean and the standard deviation of values that are known as counts of bins.
 * @param {number[]} edges one more than `counts`
 * @param {number[]} counts
 */
export function binned(edges, counts) {
  const centres = counts.map((_, at) => (edges[at] + edges[at + 1]) / 2);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = share(
    centres.reduce((sum, centre, at) => sum + centre * counts[at], 0),
    total,
    NaN,
  );
  const variance = share(
    centres.reduce((sum, centre, at) => sum + counts[at] * (centre - mean) ** 2, 0),
    total,
    NaN,
  );
  return { centres, total, mean, deviation: Math.sqrt(variance) };
}
