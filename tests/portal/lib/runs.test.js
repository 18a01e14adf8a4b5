import assert from "node:assert/strict";
import { test } from "node:test";
import { kept } from "../../../bridge/server/static/lib/order.js";
import { Runs } from "../../../bridge/server/static/pages/experiment_runs.js";

/** An answer with a column of numbers and one of texts. */
const answer = (ids, loss, words, present = null) => ({
  ids,
  numbers: Uint32Array.from(ids.keys()),
  columns: {
    "metrics.loss": { name: "metrics.loss", kind: "number", values: Float64Array.from(loss), words: null, present: present && Uint8Array.from(present) },
    status: { name: "status", kind: "text", values: Uint32Array.from(words.keys()), words, present: null },
  },
});

test("runs have another version after an answer only if a value has changed", () => {
  const runs = new Runs();
  const versions = [];
  const take = (...parts) => {
    runs.take(answer(...parts));
    versions.push(runs.version);
  };
  take(["a", "b"], [1, NaN], ["Running", "Running"]);
  take(["a", "b"], [1, NaN], ["Running", "Running"]);
  take(["b"], [NaN], ["Running"]);
  assert.deepEqual(versions, [1, 1, 1]);
  take(["b"], [2], ["Running"]);
  take(["b"], [2], ["Completed"]);
  take(["b"], [-0], ["Completed"]);
  take(["b"], [NaN], ["Completed"], [1]);
  take(["c"], [NaN], ["Completed"], [1]);
  assert.deepEqual(versions.slice(3), [2, 3, 4, 5, 6]);
  assert.deepEqual(["a", "b", "c"].map((id, row) => [runs.ids[row], runs.text("status", row)]), [["a", "Running"], ["b", "Completed"], ["c", "Completed"]]);
  assert.ok(runs.isNan("metrics.loss", 1));
});

test("runs that are removed, and come back, change the version once", () => {
  const runs = new Runs();
  runs.take(answer(["a"], [1], ["Running"]));
  runs.remove(["a", "x"]);
  runs.remove(["a", "x"]);
  assert.deepEqual([runs.version, runs.rows.length], [2, 0]);
  runs.take(answer(["a"], [1], ["Running"]));
  assert.deepEqual([runs.version, runs.rows.length], [3, 1]);
});

test("a list with the same entries is the list of before", () => {
  const before = Uint32Array.of(1, 2);
  assert.equal(kept(before, Uint32Array.of(1, 2)), before);
  for (const now of [Uint32Array.of(2, 1), Uint32Array.of(1), Uint32Array.of(1, 2, 3)]) assert.equal(kept(before, now), now);
  assert.equal(kept(null, before), before);
});
