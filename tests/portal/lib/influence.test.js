/** How much a param says about a metric. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { numberAxis, wordAxis } from "../../../bridge/server/static/lib/axes.js";
import { explained, influences, ranksOf, spearman } from "../../../bridge/server/static/lib/influence.js";

const near = (found, wanted) => assert.ok(Math.abs(found - wanted) < 1e-9, `${found} is not ${wanted}`);

test("equal values share the mean of their places", () => {
  assert.deepEqual(ranksOf([5, 1, 5, 9]), [1.5, 0, 1.5, 3]);
});

test("a correlation is that of the order", () => {
  near(spearman([1, 2, 3, 4], [1, 10, 100, 1000]), 1);
  near(spearman([1, 2, 3, 4], [4, 3, 2, 1]), -1);
  assert.equal(spearman([1, 1, 1], [1, 2, 3]), 0);
  near(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 0.8);
});

test("the explained share is that between groups, less what chance explains", () => {
  near(explained([0, 0, 1, 1], [1, 1, 3, 3]), 1);
  assert.equal(explained([0, 1, 0, 1], [1, 1, 3, 3]), 0);
  assert.equal(explained([0, 1, 2, 3], [1, 2, 3, 4]), 0);
  near(explained([0, 0, 1, 1], [0, 2, 4, 6]), 1 - (4 / 2) * (3 / 20));
});

test("the param that decides comes first, and params with few values are absent", () => {
  const runs = Array.from({ length: 24 }, (_, at) => at);
  const loss = numberAxis("metrics.loss", "loss", Float64Array.from(runs, (at) => (at % 3) + 0.01 * ((at * 7) % 5)));
  const model = wordAxis("params.model", "model", Uint32Array.from(runs, (at) => at % 3), ["a", "b", "c"], null);
  const seed = numberAxis("params.seed", "seed", Float64Array.from(runs, (at) => (at * 11) % 24));
  const rare = numberAxis("params.rare", "rare", Float64Array.from(runs, (at) => (at < 5 ? at : NaN)));
  const found = influences([seed, rare, model], loss);
  assert.deepEqual(found.map((one) => one.axis.label), ["model", "seed"]);
  assert.ok(found[0].share > 0.98 && found[1].share < 0.3);
  assert.equal(found[0].correlation, null);
});
