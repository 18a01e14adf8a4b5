/** The difference of two confusion matrices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cellsOf, differenceOf } from "../../../bridge/server/static/lib/matrices.js";

const one = { classes: ["cat", "dog"], matrix: [[8, 2], [1, 9]] };
const other = { classes: ["dog", "cat"], matrix: [[10, 0], [5, 5]] };

test("classes are matched by name", () => {
  const { names, rows, right } = differenceOf(one, other, "counts");
  assert.deepEqual(names, ["cat", "dog"]);
  assert.deepEqual(rows, [[3, -3], [1, -1]]);
  assert.equal(right.toFixed(6), (17 / 20 - 15 / 20).toFixed(6));
});

test("a class that only one matrix has is empty in the other", () => {
  const { names, rows } = differenceOf(one, { classes: ["cat", "fox"], matrix: [[4, null], [0, 6]] }, "counts");
  assert.deepEqual(names, ["cat", "dog", "fox"]);
  assert.deepEqual(rows, [[4, 2, 0], [1, 9, 0], [0, 0, -6]]);
});

test("shares are those of the rows or the columns, and of nothing 0", () => {
  assert.deepEqual(cellsOf([[1, 3], [0, 0]], "rows"), [[0.25, 0.75], [0, 0]]);
  assert.deepEqual(cellsOf([[1, 0], [3, 0]], "columns"), [[0.25, 0], [0.75, 0]]);
  assert.deepEqual(differenceOf(one, other, "rows").rows.flat().map((cell) => Math.round(cell * 100)), [30, -30, 10, -10]);
});
