import assert from "node:assert/strict";
import { test } from "node:test";
import { numberAxis, placeOf, valueAt, wordAxis } from "../../../bridge/server/static/lib/axes.js";
import { clausesOf, rowsInRanges, withClauses } from "../../../bridge/server/static/lib/brush.js";
import { Density } from "../../../bridge/server/static/lib/density.js";

const floats = (...values) => Float64Array.from(values);

test("a value on an axis is found again at its place", () => {
  for (const axis of [
    numberAxis("metrics.loss", "loss", floats(-3, 0, 7)),
    numberAxis("metrics.loss", "loss", floats(1e-4, 1e-3, 10), { log: true }),
    numberAxis("metrics.loss", "loss", floats(-1.7e308, 1.7e308)),
    numberAxis("metrics.loss", "loss", floats(5, 5)),
  ]) {
    axis.values.forEach((value, i) => {
      assert.ok(axis.positions[i] >= -1e-6 && axis.positions[i] <= 1 + 1e-6);
      const found = valueAt(axis, placeOf(axis, value));
      assert.ok(Math.abs(found - value) <= 1e-9 * Math.max(1, Math.abs(value)), `${value} became ${found}`);
    });
  }
});

test("an axis is logarithmic by itself only if its positive values span powers of ten", () => {
  const even = Float64Array.from({ length: 100 }, (_, i) => 1e-4 + i / 100);
  const powers = Float64Array.from({ length: 100 }, (_, i) => 10 ** (-4 + i / 33));
  assert.equal(numberAxis("params.a", "a", even).log, false);
  assert.equal(numberAxis("params.a", "a", powers).log, true);
  assert.equal(numberAxis("params.a", "a", floats(0, ...powers)).log, false);
});

test("NaN and infinite values have no place and are counted", () => {
  const axis = numberAxis("metrics.loss", "loss", floats(NaN, Infinity, 1, 2));
  assert.equal(axis.missing, 2);
  assert.deepEqual([...axis.positions], [NaN, NaN, 0, 1]);
});

test("params that are all numbers give an axis of numbers, others an axis of sorted words", () => {
  const codes = Uint32Array.of(0, 1, 1, 0), present = Uint8Array.of(1, 1, 1, 0);
  const numbers = wordAxis("params.lr", "lr", codes, ["1e-3", "0.1"], present);
  assert.equal(numbers.kind, "number");
  assert.deepEqual([...numbers.values], [0.001, 0.1, 0.1, NaN]);
  const words = wordAxis("params.model", "model", codes, ["vit", "cnn"], present);
  assert.deepEqual(words.words, ["cnn", "vit"]);
  assert.deepEqual([...words.values], [1, 0, 0, NaN]);
});

test("a range of a metric becomes two comparisons, and one of a param excludes the other values", () => {
  const loss = numberAxis("metrics.val/loss", "val/loss", floats(0.1, 0.2, 0.3));
  assert.deepEqual(clausesOf(loss, [0.15, 0.25]), ["metrics.`val/loss` >= 0.15", "metrics.`val/loss` <= 0.25"]);
  const codes = Uint32Array.of(0, 1, 2);
  const lr = wordAxis("params.lr", "lr", codes, ["0.1", "1e-2", "0.001"], null);
  assert.deepEqual(clausesOf(lr, [0.005, 0.2]), ["params.lr != '0.001'"]);
  assert.deepEqual(clausesOf(lr, [0.005, 0.05]), ["params.lr = '1e-2'"]);
  assert.equal(clausesOf(lr, [5, 6]), null);
});

test("a range is written in the store's grammar, whatever the key and the value are", () => {
  const reserved = numberAxis("metrics.in", "in", floats(1, 2));
  assert.deepEqual(clausesOf(reserved, [1, 2]), ["metrics.`in` >= 1", "metrics.`in` <= 2"]);
  const model = wordAxis("params.my model", "my model", Uint32Array.of(0, 1), ["it's", "b"], null);
  assert.deepEqual(clausesOf(model, [1, 1]), ["params.`my model` = \"it's\""]);
  assert.equal(withClauses(" params.b = 'c' ", ["metrics.a >= 1", "metrics.a <= 2"]), "params.b = 'c' and metrics.a >= 1 and metrics.a <= 2");
  assert.equal(withClauses("", ["metrics.a >= 1"]), "metrics.a >= 1");
});

test("rows without a value are outside of every range", () => {
  const axis = numberAxis("metrics.loss", "loss", floats(1, NaN, 3));
  assert.deepEqual([...rowsInRanges([axis], { "metrics.loss": [0, 2] }, 3)], [1, 0, 0]);
  assert.deepEqual([...rowsInRanges([axis], {}, 3)], [1, 1, 1]);
});

test("lines that are taken away from a density leave nothing behind", () => {
  const density = new Density(40, 30);
  const ys = [Float32Array.of(0, 29, NaN, 500), Float32Array.of(29, 3.5, 4, -20), Float32Array.of(10, 10, 10, 10)];
  const tints = Uint8Array.of(0, 255, 128, 7);
  density.add([2, 20, 38], ys, [0, 1, 2, 3], 1, tints);
  assert.ok(density.weight.some((weight) => weight > 0));
  density.add([2, 20, 38], ys, [3, 1], -1, tints);
  density.add([2, 20, 38], ys, [0, 2], -1, tints);
  assert.ok(density.weight.every((weight) => weight === 0) && density.tint.every((tint) => tint === 0));
});

test("a density shows the colour of its lines, and nothing elsewhere", () => {
  const density = new Density(20, 10);
  density.add([0, 19], [Float32Array.of(5), Float32Array.of(5)], [0], 1, Uint8Array.of(200));
  const pixels = new Uint8ClampedArray(4 * 200), palette = Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3));
  density.paint(pixels, palette, 0.5);
  const at = 4 * (5 * 20 + 10);
  assert.deepEqual([...pixels.slice(at, at + 3)], [200, 200, 200]);
  assert.ok(Math.abs(pixels[at + 3] - 127) <= 2);
  assert.equal(pixels[4 * (2 * 20 + 10) + 3], 0);
});

test("a value that many runs have counts once for the choice of a logarithmic axis", () => {
  const rates = Array.from({ length: 40 }, (_, at) => 10 ** (-4 + at / 13));
  assert.equal(numberAxis("params.lr", "lr", floats(...rates, ...Array(300).fill(1))).log, true);
  assert.equal(numberAxis("params.seed", "seed", floats(...Array.from({ length: 300 }, (_, at) => at + 1))).log, false);
});
