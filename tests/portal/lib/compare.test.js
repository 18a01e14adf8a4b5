import assert from "node:assert/strict";
import { test } from "node:test";
import { environmentOf, environmentRows, packagesOf } from "../../../bridge/server/static/lib/environment.js";
import { isLowerBetter } from "../../../bridge/server/static/lib/column.js";
import { bestOf, equalCounts, rowsOf, sweepColumns } from "../../../bridge/server/static/lib/compare.js";

/** @param {object} changes */
const run = (changes) => ({
  id: "a", name: "a", number: 1, status: "Completed", start_time: 1, end_time: 3, user: null, params: [], tags: [], latest: [], ...changes,
});

test("a param that one run lacks differs, and equal ones are counted", () => {
  const rows = rowsOf([
    run({ params: [["lr", "0.1"], ["seed", "1"]], latest: [{ key: "loss", column: "", value: NaN }] }),
    run({ params: [["seed", "1"]], latest: [{ key: "loss", column: "", value: NaN }] }),
  ]);
  const found = Object.fromEntries(rows.map((row) => [`${row.kind} ${row.key}`, row]));
  assert.deepEqual(found["param lr"].values, ["0.1", null]);
  assert.ok(found["param lr"].isDifferent && !found["param seed"].isDifferent && !found["metric loss"].isDifferent);
  assert.deepEqual(equalCounts(rows), { run: 4, param: 1, metric: 1 });
});

test("columns of tables have the name that filters use, and private tags are left out", () => {
  const rows = rowsOf([run({ latest: [{ key: "t", column: "x", value: 2 }], tags: [["mlflow.user", "a"], ["team", "b"]] })]);
  assert.deepEqual(rows.filter((row) => row.kind !== "run").map((row) => row.key), ["t.x", "team"]);
});

test("the best value depends on the metric, and NaN is never the best", () => {
  assert.ok(isLowerBetter("val/loss") && isLowerBetter("RMSE") && !isLowerBetter("accuracy"));
  assert.deepEqual([...bestOf([NaN, 0.2, 0.1, null, 0.1], true)], [2, 4]);
  assert.deepEqual([...bestOf([1, 2], false)], [1]);
  assert.deepEqual([...bestOf([1, 1], false)], []);
  assert.deepEqual([...bestOf([1, null], false)], []);
});

test("a sweep shows the params that differ and the metrics of the validation", () => {
  const key = (/** @type {object} */ changes) => ({ entity: "param", key: "", column: "", kind: "", type: "text", runs: 9, minimum: null, maximum: null, words: [["a", 1], ["b", 2]], ...changes });
  const metric = (/** @type {string} */ name, low = 0, high = 1) => key({ entity: "metric", key: name, kind: "scalar", type: "number", minimum: low, maximum: high, words: [] });
  const keys = [key({ key: "lr" }), key({ key: "seed", words: [["1", 9]] }), key({ key: "depth", runs: 3 }), metric("train/loss"), metric("val/loss"), metric("val/same", 1, 1), metric("system/cpu")];
  assert.deepEqual(sweepColumns(keys), ["params.lr", "params.depth", "metrics.train/loss", "metrics.val/loss"]);
});

test("what was recorded about the environment is shown, and its packages before declared ones", () => {
  const recorded = { python: "3.11.7", implementation: "CPython", executable: "/python", host: "vm", memory_bytes: 8e9, gpus: ["A100", "A100"], packages: { torch: "2.1", numpy: "2.0" } };
  const { facts, packages } = environmentOf({ definition: { environment: { python: { condaDependencies: { dependencies: ["rich"] } } } }, recorded, properties: [], tags: [] });
  assert.deepEqual([...facts], [["interpreter", "/python"], ["Python", "3.11.7 (CPython)"], ["host", "vm"], ["memory", "8 GB"], ["GPUs", "A100, A100"]]);
  assert.deepEqual([...packages], [["numpy", "2.0"], ["torch", "2.1"]]);
});

test("packages of conda and pip are compared by name", () => {
  const conda = (/** @type {string[]} */ ...pip) => ({ dependencies: ["python=3.11", { pip }] });
  assert.deepEqual([...packagesOf(conda("Torch==2.1", "numpy>=1.26", "rich"))], [["python", "3.11"], ["torch", "2.1"], ["numpy", ">=1.26"], ["rich", "any"]]);
  assert.deepEqual([...packagesOf(null)], []);
  const run = (/** @type {any} */ dependencies) => environmentOf({ definition: { environment: { python: { condaDependencies: dependencies } } }, properties: [["azureml.git.commit", "abc"]], tags: [] });
  const rows = environmentRows([run(conda("torch==2.1")), run(conda("torch==2.2", "rich"))]).filter((row) => row.isDifferent);
  assert.deepEqual(rows.map(({ kind, key, values }) => [kind, key, ...values]), [["package", "rich", null, "any"], ["package", "torch", "2.1", "2.2"]]);
});
