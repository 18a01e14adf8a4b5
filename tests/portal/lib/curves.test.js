/** The curves of accuracy tables, and the facts of histograms. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as curves from "../../../bridge/server/static/lib/curves.js";

/** The counts of cases that are selected by each threshold. */
const counts = (cases, thresholds) =>
  thresholds.map((threshold) => {
    const row = [0, 0, 0, 0];
    for (const [probability, positive] of cases) row[probability >= threshold ? (positive ? 0 : 1) : positive ? 3 : 2] += 1;
    return row;
  });

const CASES = [[0.9, 1], [0.8, 1], [0.7, 0], [0.6, 1], [0.4, 0], [0.3, 1], [0.2, 0], [0.1, 0]]; // prettier-ignore
const THRESHOLDS = Array.from({ length: 21 }, (_, at) => at / 20);
const share = (rank) => [...CASES].sort((a, b) => b[0] - a[0])[Math.min(rank, CASES.length) - 1]?.[0] ?? 2;
const RANKS = Array.from({ length: 9 }, (_, at) => share(at));
const TABLE = {
  class_labels: ["yes", "no"],
  probability_tables: [counts(CASES, THRESHOLDS), counts(CASES.map(([p, yes]) => [1 - p, 1 - yes]), THRESHOLDS)],
  percentile_tables: [counts(CASES, RANKS), counts(CASES, RANKS)],
  probability_thresholds: THRESHOLDS,
  percentile_thresholds: RANKS,
};

/** The share of pairs of a positive and a negative case that are in the right order. */
function pairs() {
  const of = (wanted) => CASES.filter(([, positive]) => positive === wanted).map(([probability]) => probability);
  const [negative, positive] = [of(0), of(1)];
  return positive.flatMap((p) => negative.map((n) => (p > n ? 1 : p === n ? 0.5 : 0))).reduce((a, b) => a + b, 0) / (positive.length * negative.length);
}

test("the area of a ROC curve is the share of pairs in the right order", () => {
  const [yes, no, micro, macro] = curves.roc(TABLE);
  assert.ok(Math.abs(yes.area - pairs()) < 1e-12, `${yes.area} and ${pairs()}`);
  assert.ok(Math.abs(no.area - pairs()) < 0.07);
  assert.equal(micro.name, curves.MICRO);
  assert.equal(macro.name, curves.MACRO);
  for (const { x, y } of [yes, no, micro, macro]) {
    assert.ok(x.every((value, at) => !at || value >= x[at - 1]) && y.every((value, at) => !at || value >= y[at - 1] - 1e-12));
    assert.deepEqual([x[0], x.at(-1), y.at(-1)], [0, 1, 1]);
  }
});

test("precision and recall are those of each threshold that selects something", () => {
  const [yes] = curves.precisionRecall(TABLE);
  assert.ok(yes.x.some((recall, at) => recall === 0.5 && yes.y[at] === 1)); // 0.8: two of two are right
  assert.ok(yes.x.some((recall, at) => recall === 1 && Math.abs(yes.y[at] - 4 / 6) < 1e-12)); // 0.3
});

test("calibration counts the cases between two thresholds", () => {
  const [yes] = curves.calibration({ ...TABLE, probability_tables: [counts(CASES, [0, 0.5])], probability_thresholds: [0, 0.5] });
  assert.deepEqual([yes.x, yes.y], [[0.25, 0.75], [0.25, 0.75]]);
});

test("lift is gain by share of cases", () => {
  const [gain] = curves.gains(TABLE);
  const [lift] = curves.lift(TABLE);
  assert.equal(lift.y[0], 2); // the first case is positive, as are half of all
  assert.ok(Math.abs(lift.y.at(-1) - 1) < 1e-12);
  lift.x.forEach((x, at) => assert.ok(Math.abs(gain.y[gain.x.indexOf(x)] / x - lift.y[at]) < 1e-9));
});

test("tables without cases give no numbers that are not finite", () => {
  const empty = { class_labels: ["a"], probability_tables: [[[0, 0, 0, 0]]], percentile_tables: [[]], probability_thresholds: [0.5], percentile_thresholds: [] };
  for (const of of [curves.roc, curves.precisionRecall, curves.calibration, curves.gains, curves.lift])
    for (const { x, y } of of(empty)) assert.ok([...x, ...y].every(Number.isFinite));
});

test("mean and deviation of a histogram are those of the middles of its bins", () => {
  const { mean, deviation, total } = curves.binned([0, 2, 4], [1, 3]);
  assert.deepEqual([mean, total], [2.5, 4]);
  assert.ok(Math.abs(deviation - Math.sqrt(0.75)) < 1e-12);
  assert.ok(Number.isNaN(curves.binned([0, 1], [0]).mean));
});
