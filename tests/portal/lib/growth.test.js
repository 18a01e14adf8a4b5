import assert from "node:assert/strict";
import { test } from "node:test";
import { firstChange, grown, sizesOf } from "../../../bridge/server/static/parts/lines_growth.js";

const line = (n, more = {}) => ({ id: "a", colour: "#000000", n, points: n, x: Float64Array.from({ length: n + 9 }, (_, at) => at), count: null, group: false, ...more });
const extent = (low, high) => ({ low, high, above: 0, below: 0, lost: 0, atLeast: false });
const drawn = (lines) => ({ form: "f", lines: sizesOf(lines), natural: [0, 99], range: [0, 103], extent: extent(0, 1) });

test("ranges stay while grown lines are inside, and then get room", () => {
  const lines = [line(100)];
  const before = drawn(lines);
  lines[0].n = lines[0].points = 102;
  assert.deepEqual(grown(before, { form: "f", natural: [0, 101], extent: extent(0.1, 0.9) }, lines), { range: [0, 103], extent: extent(0, 1) });
  assert.deepEqual(grown(before, { form: "f", natural: [0, 200], extent: extent(0, 2) }, lines), { range: [0, 208], extent: extent(0, 2) });
});

test("any other change needs a new picture", () => {
  const lines = [line(100)];
  const before = drawn(lines);
  const now = { form: "f", natural: [0, 101], extent: extent(0, 1) };
  assert.equal(grown(before, now, lines), null); // nothing was logged, so something else has changed
  lines[0].n = lines[0].points = 102;
  assert.ok(grown(before, now, lines));
  assert.equal(grown(before, { ...now, form: "g" }, lines), null);
  assert.equal(grown(before, { ...now, natural: [1, 101] }, lines), null);
  assert.equal(grown(before, { ...now, natural: [0, 50] }, lines), null);
  assert.equal(grown(before, now, [...lines, line(3)]), null);
  assert.equal(grown(before, now, [line(102)]), null);
  lines[0].colour = "#ffffff";
  assert.equal(grown(before, now, lines), null);
});

test("the picture changes from the last point that was drawn before the last one", () => {
  const lines = [line(100), line(50), line(80, { count: Float64Array.from({ length: 90 }, (_, at) => (at === 78 ? 0 : 1)) })];
  const before = drawn(lines);
  lines[0].n = lines[0].points = 101;
  assert.equal(firstChange(before), 98);
  lines[2].points = 81;
  assert.equal(firstChange(before), 77);
  const short = drawn([line(1)]);
  short.lines[0].line.points = 2;
  assert.equal(firstChange(short), -Infinity);
});
