import assert from "node:assert/strict";
import { test } from "node:test";
import { fairShare, groupRows, spread } from "../../../bridge/server/static/lib/group.js";
import { order } from "../../../bridge/server/static/lib/order.js";
import { logTicks, ticks } from "../../../bridge/server/static/lib/scale.js";
import { runTree } from "../../../bridge/server/static/lib/tree.js";

const floats = (...values) => Float64Array.from(values);

test("values come before NaN, and NaN before nothing, in both directions", () => {
  const values = floats(NaN, 2, NaN, 1, Infinity);
  const present = Uint8Array.of(0, 1, 1, 1, 1);
  assert.deepEqual([...order(5, [{ values, present }])], [3, 1, 4, 2, 0]);
  assert.deepEqual([...order(5, [{ values, present, descending: true }])], [4, 1, 3, 2, 0]);
  assert.deepEqual([...order(5, [{ values }])], [3, 1, 4, 0, 2]);
});

test("texts are ordered by code point, then by the next key, then as they were", () => {
  const values = Uint32Array.of(0, 1, 2, 3, 4, 0);
  const words = ["𝄞", "\uffff", "a", null, "B"];
  assert.deepEqual([...order(6, [{ values, words }])], [4, 2, 1, 0, 5, 3]);
  const second = { values: floats(1, 1, 1, 1, 1, 0) };
  assert.deepEqual([...order(6, [{ values, words, descending: true }, second])], [5, 0, 1, 2, 4, 3]);
});

test("rows with the same values are a group, also without a value", () => {
  const columns = [{ values: Uint32Array.of(0, 1, 0, 2, 2), words: ["a", "b", null] }, { values: floats(1, 1, 1, NaN, NaN) }];
  const groups = groupRows([0, 1, 2, 3, 4], columns);
  assert.deepEqual(groups.map(({ values, rows }) => [values, rows]), [[["a", 1], [0, 2]], [["b", 1], [1]], [[null, null], [3, 4]]]);
  const odd = groupRows([0, 1, 2], [{ values: floats(0, -0, NaN) }, { values: Uint32Array.of(0, 0, 0), words: ["1"] }]);
  assert.equal(odd.length, 2);
});

test("the spread of numbers skips NaN", () => {
  assert.deepEqual(spread(floats(4, NaN, 1, 3, 2)), { count: 4, mean: 2.5, deviation: Math.sqrt(5 / 3), minimum: 1, lower: 1.75, median: 2.5, upper: 3.25, maximum: 4 });
  assert.deepEqual(spread(floats(7, 9), [1]), { count: 1, mean: 9, deviation: NaN, minimum: 9, lower: 9, median: 9, upper: 9, maximum: 9 });
  assert.equal(spread(floats(NaN)).count, 0);
  assert.equal(spread(floats(Infinity, Infinity)).median, Infinity);
});

test("ticks are round and within the range", () => {
  assert.deepEqual(ticks(0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticks(-3, 27), [0, 5, 10, 15, 20, 25]);
  assert.deepEqual(ticks(0.1, 0.3, 2), [0.1, 0.2, 0.3]);
  assert.deepEqual([ticks(5, 5), ticks(NaN, 1), ticks(2, 1), logTicks(0, 1)], [[5, 5], [NaN, 1], [2, 1], []]);
  assert.deepEqual(logTicks(1e-4, 1), [1e-4, 1e-3, 1e-2, 0.1, 1]);
  assert.deepEqual(logTicks(2, 30), [2, 5, 10, 20]);
  for (const [low, high] of [[1e-300, 2e-300], [-1e300, 1e300], [0, 5e-324], [1e15, 1e15 + 2], [-1.7e308, 1.7e308]]) {
    const found = ticks(low, high);
    assert.ok(found.length > 0 && found.length < 21 && found.every((tick, at) => !at || tick > found[at - 1]));
  }
});

test("children follow their parent if it is open, at any depth and in any circle", () => {
  const ids = ["p", "c1", "c2", "g", "lone", "x", "y"];
  const parents = [null, "p", "p", "c1", "gone", "y", "x"];
  const shown = (open) => runTree(ids, parents, (id) => open.includes(id)).map(({ row, depth }) => `${ids[row]}${depth}`);
  assert.deepEqual(shown([]), ["p0", "lone0", "x0"]);
  assert.deepEqual(shown(["p"]), ["p0", "c11", "c21", "lone0", "x0"]);
  assert.deepEqual(shown(["p", "c1", "x"]), ["p0", "c11", "g2", "c21", "lone0", "x0", "y1"]);
  const chain = Array.from({ length: 20_000 }, (_, at) => String(at));
  const all = runTree(chain, chain.map((_, at) => (at ? String(at - 1) : null)), () => true);
  assert.equal(all.at(-1)?.depth, 19_999);
});

test("each group has a share of the runs that are shown", () => {
  const groups = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`r${at}`, at < 90 ? "many" : at < 97 ? "some" : "few"]));
  const chosen = fairShare(groups, 20);
  const of = (name) => chosen.filter((id) => groups[id] === name).length;
  assert.deepEqual([chosen.length, of("many"), of("some"), of("few")], [20, 10, 7, 3]);
  assert.deepEqual(chosen.slice(0, 2), ["r0", "r1"]);
  assert.equal(fairShare(groups, 100).length, 100);
});
