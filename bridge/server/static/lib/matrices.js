/** Confusion matrices: shares of their rows and columns, and the difference of two matrices. Pure functions. */

/**
 * @typedef {"counts" | "rows" | "columns"} HeatMode
 * @typedef {{ classes: unknown[], matrix: (number | null)[][] }} ConfusionMatrix
 */

/** The names of the classes; a class without a name has its index. @param {ConfusionMatrix} one */
const namesOf = ({ classes, matrix }) => matrix.map((_, at) => String(classes[at] ?? at));

/**
 * The cells as they are shown: counts, or shares of the row or the column. A share of nothing is 0.
 * @param {number[][]} rows
 * @param {HeatMode} mode
 */
export function cellsOf(rows, mode) {
  if (mode === "counts") return rows;
  const down = rows.map((_, at) => rows.reduce((sum, row) => sum + row[at], 0));
  const across = rows.map((row) => row.reduce((sum, cell) => sum + cell, 0));
  return rows.map((row, y) => row.map((cell, x) => cell / ((mode === "rows" ? across[y] : down[x]) || 1)));
}

/** The share of cases that are right; NaN without cases. @param {number[][]} rows */
function rightOf(rows) {
  const all = rows.flat().reduce((sum, cell) => sum + cell, 0);
  return rows.reduce((sum, row, at) => sum + row[at], 0) / all;
}

/**
 * The first matrix minus the second. Classes are matched by name; a class that only one of them has counts as empty in
 * the other.
 * @param {ConfusionMatrix} first
 * @param {ConfusionMatrix} second
 * @param {HeatMode} mode
 */
export function differenceOf(first, second, mode) {
  const names = [...new Set([...namesOf(first), ...namesOf(second)])];
  const [one, two] = [first, second].map((matrix) => onto(names, matrix));
  const [cells, others] = [one, two].map((rows) => cellsOf(rows, mode));
  const rows = cells.map((row, y) => row.map((cell, x) => cell - others[y][x]));
  return { names, rows, one, two, right: rightOf(one) - rightOf(two) };
}

/** A matrix with its classes in another order. @param {string[]} names @param {ConfusionMatrix} matrix */
function onto(names, matrix) {
  const own = namesOf(matrix);
  const at = names.map((name) => own.indexOf(name));
  return at.map((y) => at.map((x) => matrix.matrix[y]?.[x] ?? 0));
}
