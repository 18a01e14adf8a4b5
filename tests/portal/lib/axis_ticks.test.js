import assert from "node:assert/strict";
import { test } from "node:test";
import { DURATIONS, spaced, timeTicks } from "../../../bridge/server/static/lib/axis_ticks.js";
import { Chance } from "./random.js";

test("ticks are round, in the range, and not closer than asked for", () => {
  assert.deepEqual(spaced(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(spaced(-0.013, 0.02, 4), [-0.01, 0, 0.01, 0.02]);
  assert.deepEqual(spaced(0, 3, 10, { whole: true }), [0, 1, 2, 3]);
  assert.deepEqual(spaced(0, 59_000, 4, { sizes: DURATIONS }), [0, 15_000, 30_000, 45_000]);
  assert.deepEqual(spaced(5, 5, 4), [5]);
  assert.deepEqual(spaced(NaN, 1, 4), []);
  assert.deepEqual(spaced(-1.7e308, 1.7e308, 4), []);
  const chance = new Chance(11);
  for (let round = 0; round < 2000; round += 1) {
    const low = (chance.next() - 0.5) * 10 ** Math.floor(chance.next() * 30 - 15);
    const high = low + chance.next() * 10 ** Math.floor(chance.next() * 30 - 15);
    const most = 1 + Math.floor(chance.next() * 12);
    if (!(high > low) || (high - low) / Math.abs(high) < 1e-9) continue;
    const found = spaced(low, high, most);
    const slack = (high - low) * 1e-6;
    assert.ok(found.length <= most + 1, `${low} ${high} ${most}: ${found}`);
    assert.ok(found.every((tick) => tick >= low - slack && tick <= high + slack), `${low} ${high}: ${found}`);
    assert.ok(found.length * 5 + 5 >= most, `${low} ${high} ${most}: ${found}`);
  }
});

test("ticks of time are round in the local time and say what changes", () => {
  const at = (...parts) => +new Date(...parts);
  const texts = (low, high, most) => timeTicks(low, high, most).map(([, text]) => text);
  const start = at(2026, 0, 31, 22, 10, 0);
  assert.deepEqual(texts(start, start + 9_000, 4), ["22:10:00", "22:10:05"]);
  assert.deepEqual(texts(start, start + 3 * 3_600_000, 4), ["23:00", "1 Feb", "01:00"]);
  assert.deepEqual(texts(start, start + 3 * 86_400_000, 4), ["1 Feb", "2 Feb", "3 Feb"]);
  assert.deepEqual(texts(start, at(2026, 5, 2), 5), ["Feb 2026", "Mar 2026", "Apr 2026", "May 2026", "Jun 2026"]);
  assert.deepEqual(texts(at(2020, 3, 1), at(2026, 5, 2), 7), ["2021", "2022", "2023", "2024", "2025", "2026"]);
  assert.deepEqual(texts(start, start + 20, 2), ["10:00.000", "10:00.010", "10:00.020"]);
  assert.deepEqual(texts(start, Infinity, 2), []);
  const chance = new Chance(12);
  for (let round = 0; round < 500; round += 1) {
    const low = at(2026, 0, 1) + chance.next() * 1e10;
    const high = low + 10 ** (chance.next() * 12);
    const most = 2 + Math.floor(chance.next() * 8);
    const found = timeTicks(low, high, most).map(([tick]) => tick);
    assert.ok(found.every((tick, place) => tick >= low - 1 && tick <= high + 1 && (!place || tick > found[place - 1])));
    assert.ok(found.length <= most + 2, `${low} ${high} ${most}: ${found.length}`);
  }
});
