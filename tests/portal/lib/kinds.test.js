/** Which chart shows which metric. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { chartKinds, decoded, sections } from "../../../bridge/server/static/lib/kinds.js";

const facts = (kind, type, points) => ({ kind, type, points, column: "", last: 0 });
const metric = (...series) => ({ key: "m", kinds: [...new Set(series.map((one) => one.kind))], description: null, series });

test("a number with several points is a line, and one number is a value", () => {
  assert.deepEqual(chartKinds(metric(facts("scalar", "number", 2))), ["line"]);
  assert.deepEqual(chartKinds(metric(facts("scalar", "number", 1))), ["value"]);
});

test("texts are bands, and one text is a word", () => {
  assert.deepEqual(chartKinds(metric(facts("scalar", "text", 2))), ["bands"]);
  assert.deepEqual(chartKinds(metric(facts("scalar", "text", 1))), ["word"]);
});

test("numbers and texts under one key have both charts", () => {
  assert.deepEqual(chartKinds(metric(facts("scalar", "number", 1), facts("scalar", "text", 1))), ["line", "bands"]);
});

test("rows, charts and images have their own kinds, and single values in a table are part of it", () => {
  assert.deepEqual(chartKinds(metric(facts("table", "number", 3), facts("scalar", "number", 3))), ["table"]);
  for (const kind of ["confusion_matrix", "accuracy_table", "residuals", "predictions"])
    assert.deepEqual(chartKinds(metric(facts(kind, "text", 1))), [kind]);
  assert.deepEqual(chartKinds(metric(facts("image", "text", 1))), ["images"]);
});

test("sections are in the order of their first metrics, and metrics without a prefix come first", () => {
  const found = sections(["b/x", "a/y", "loss", "b/z", "/odd"].map((key) => ({ key })));
  assert.deepEqual(found.map(({ name, metrics }) => [name, metrics.map(({ key }) => key)]), [
    ["", ["loss", "/odd"]],
    ["b", ["b/x", "b/z"]],
    ["a", ["a/y"]],
  ]);
});

test("NaN among numbers is a number, and among texts a text", () => {
  assert.deepEqual(decoded([1, "NaN", null, "-Infinity"]), [1, NaN, null, -Infinity]);
  assert.deepEqual(decoded(["NaN", "a"]), ["NaN", "a"]);
});
