import assert from "node:assert/strict";
import { test } from "node:test";
import { stepOf, columnParts, columnName, STATISTICS } from "../../../bridge/server/static/lib/column.js";
import { chooseColumns } from "../../../bridge/server/static/lib/column_choice.js";

/** @param {string} key @param {number} runs @param {number} words */
const param = (key, runs, words) => ({
  entity: /** @type {const} */ ("param"), key, column: "", kind: "", type: /** @type {const} */ ("text"), runs,
  words: Array.from({ length: words }, (_, at) => /** @type {[string, number]} */ ([String(at), 1])),
});
/** @param {string} key */
const metric = (key, runs = 100) => ({ ...param(key, runs, 0), entity: /** @type {const} */ ("metric"), kind: "scalar", type: /** @type {const} */ ("number") });

test("the params that differ between runs are shown first, and equal ones are not shown", () => {
  const params = [param("path", 100, 1), param("seed", 100, 50), param("host", 60, 1), param("lr", 100, 4), param("model", 90, 3), param("text", 100, 0)];
  assert.deepEqual(chooseColumns(params, 100), ["name", "status", "start_time", "params.lr", "params.model", "params.seed", "params.text"]);
});

test("two metrics come before the params, and two after them", () => {
  const keys = [metric("train/loss"), metric("epoch"), metric("val/loss"), metric("val/accuracy"), metric("rare", 3), metric("system/cpu"), param("lr", 100, 2)];
  const chosen = chooseColumns(keys, 100).slice(3);
  assert.deepEqual(chosen, ["metrics.val/loss", "metrics.val/accuracy", "params.lr", "metrics.train/loss", "metrics.epoch"]);
  assert.deepEqual(chooseColumns(null, 0), ["name", "status", "start_time"]);
});

test("the name of a column of a metric says which value it is", () => {
  assert.deepEqual(columnParts("metrics.val/loss:@100"), { entity: "metric", key: "val/loss", statistic: "@100" });
  assert.deepEqual(columnParts("metrics.a:@-5").statistic, "@-5");
  for (const name of ["metrics.a:@", "metrics.a:@x", "params.a:@1", "metrics.:@1"]) assert.equal(columnParts(name).statistic, "last");
  for (const key of ["loss", "loss:min", "a:@3", "a:min_step"]) {
    for (const statistic of [...STATISTICS, "@7"]) {
      assert.deepEqual(columnParts(columnName({ entity: "metric", key, statistic })), { entity: "metric", key, statistic });
    }
  }
  assert.deepEqual(["metrics.a:min", "metrics.a:max", "metrics.a", "params.a:min"].map(stepOf), ["metrics.a:min_step", "metrics.a:max_step", "", ""]);
});
