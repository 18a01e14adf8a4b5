import assert from "node:assert/strict";
import { test } from "node:test";
import * as colour from "../../../bridge/server/static/lib/colour.js";
import { ago, bytes, count, duration, number, percent, plural, time } from "../../../bridge/server/static/lib/format.js";

test("numbers are short, and special values have their names", () => {
  const shown = /** @type {[number, string][]} */ ([
    [0, "0"], [-0, "0"], [1, "1"], [128, "128"], [999_999, "999999"], [1e6, "1e6"], [0.03124, "0.03124"], [0.5, "0.5"],
    [3e-5, "3e-5"], [3.14159, "3.142"], [-1234.567, "-1235"], [123456.7, "123457"], [1.5e300, "1.5e300"], [5e-324, "4.941e-324"],
    [NaN, "NaN"], [Infinity, "∞"], [-Infinity, "-∞"], [0.0001, "0.0001"], [99_999.99, "100000"],
  ]); // prettier-ignore
  for (const [value, text] of shown) assert.equal(number(value), text);
  assert.deepEqual([count(10_000), count(999), count(-1234567), plural(1, "run"), plural(2000, "run")], ["10,000", "999", "-1,234,567", "1 run", "2,000 runs"]);
  assert.deepEqual([percent(1.25, 1), percent(0.5, 1), percent(1, 0), percent(-1, -2)], ["+25 %", "-50 %", "", "+50 %"]);
});

test("durations have at most two units, and a negative one is a question mark", () => {
  const shown = /** @type {[number, string][]} */ ([
    [0, "0 s"], [12, "12 ms"], [400, "0.4 s"], [1000, "1 s"], [1500, "1.5 s"], [59_600, "1 min"], [200_000, "3 min 20 s"],
    [3_600_000, "1 h"], [7_500_000, "2 h 5 min"], [86_400_000 * 3 + 4 * 3_600_000, "3 d 4 h"], [-1, "?"], [NaN, "?"], [Infinity, "?"],
  ]); // prettier-ignore
  for (const [ms, text] of shown) assert.equal(duration(ms), text);
});

test("a time of long ago is a date, and one in the future is itself", () => {
  const now = Date.parse("2026-11-26T16:11:00");
  const shown = /** @type {[number, string][]} */ ([
    [0, "now"], [-30_000, "now"], [12_000, "12 s"], [300_000, "5 min"], [7_200_000, "2 h"], [86_400_000 * 3, "3 d"], [86_400_000 * 40, "2026-10-17"],
    [-3_600_000, "2026-11-26 17:11"],
  ]); // prettier-ignore
  for (const [past, text] of shown) assert.equal(ago(now - past, now), text);
  assert.deepEqual([ago(NaN, now), time(now), time(now, { seconds: true }), time(NaN)], ["", "2026-11-26 16:11", "2026-11-26 16:11:00", ""]);
});

test("sizes have decimal units", () => {
  const shown = /** @type {[number, string][]} */ ([[0, "0 B"], [999, "999 B"], [1000, "1 kB"], [1234, "1.2 kB"], [999_600, "1 MB"], [1.5e9, "1.5 GB"], [123e6, "123 MB"], [-1, "?"]]);
  for (const [size, text] of shown) assert.equal(bytes(size), text);
});

test("the colour of a run has a contrast of at least 3 to 1 on each ground, and 30 runs differ", () => {
  for (const [dark, grounds] of /** @type {const} */ ([[false, ["#fbfbfc", "#ffffff", "#f0f3f6"]], [true, ["#0f1317", "#161b21", "#1e252d"]]])) {
    const seen = new Set();
    for (let run = 0; run < 30; run += 1) {
      const { colour: hue, dash } = colour.runColour(run, dark);
      seen.add(`${hue} ${dash}`);
      for (const ground of grounds) assert.ok(colour.contrast(hue, ground) >= 3, `${hue} on ${ground}`);
    }
    assert.equal(seen.size, 30);
    assert.deepEqual(colour.runColour(40, dark), colour.runColour(10, dark));
  }
});

test("viridis starts violet and ends yellow, and texts on it can be read", () => {
  assert.deepEqual([colour.viridis(0), colour.viridis(1), colour.viridis(NaN)], ["#470155", "#fce721", "#470155"]);
  for (let at = 0; at <= 20; at += 1)
    for (const ground of [colour.viridis(at / 20), colour.diverging(at / 10 - 1, true), colour.diverging(at / 10 - 1, false)])
      assert.ok(colour.contrast(colour.inkOn(ground), ground) >= 4.5);
});
