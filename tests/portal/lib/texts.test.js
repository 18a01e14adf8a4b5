import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAnsi } from "../../../bridge/server/static/lib/ansi.js";
import { counts, difference, hunks, linesOf } from "../../../bridge/server/static/lib/difference.js";
import { smooth } from "../../../bridge/server/static/lib/smooth.js";
import { compareCodePoints, wellFormed } from "../../../bridge/server/static/lib/text.js";
import { Chance } from "./random.js";

/** The length of the longest common subsequence, by the table of all prefixes. */
function common(one, two) {
  const table = Array.from({ length: one.length + 1 }, () => new Array(two.length + 1).fill(0));
  for (let i = one.length - 1; i >= 0; i -= 1)
    for (let j = two.length - 1; j >= 0; j -= 1)
      table[i][j] = one[i] === two[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  return table[0][0];
}

test("a difference contains both texts, and is the shortest", () => {
  const chance = new Chance(3);
  for (let round = 0; round < 3000; round += 1) {
    const [left, right] = [0, 1].map(() => chance.list(14, () => chance.of(["a", "b", "c", ""])));
    const lines = difference(left, right);
    const side = (name, other) => lines.filter(({ kind }) => kind !== other).map((line) => [line.text, line[name]]);
    assert.deepEqual(side("left", "added"), left.map((text, at) => [text, at + 1]));
    assert.deepEqual(side("right", "removed"), right.map((text, at) => [text, at + 1]));
    assert.equal(lines.filter(({ kind }) => kind === "same").length, common(left, right));
    assert.ok(lines.every((line) => line.kind !== "same" || left[line.left - 1] === right[line.right - 1]));
  }
});

test("very different long texts are compared in bounded time", () => {
  const left = Array.from({ length: 30_000 }, (_, at) => `left ${at}`);
  const right = [...Array.from({ length: 30_000 }, (_, at) => `right ${at}`), "end"];
  const lines = difference([...left, "end"], right);
  assert.deepEqual(counts(lines), { added: 30_000, removed: 30_000 });
});

test("the parts of a difference have their context, and near changes share a part", () => {
  const left = Array.from({ length: 40 }, (_, at) => String(at));
  const right = left.flatMap((line, at) => (at === 10 ? ["new", line] : at === 13 || at === 30 ? [] : [line]));
  const parts = hunks(difference(left, right), 3);
  assert.deepEqual(parts.map(({ left: from, right: to, lines }) => [from, to, lines.length]), [[8, 8, 11], [28, 28, 7]]);
  assert.deepEqual(hunks(difference(left, left)), []);
  assert.deepEqual([linesOf(""), linesOf("a\r\nb\n"), linesOf("\n")], [[], ["a", "b"], [""]]);
});

test("colours of a log become classes, and other sequences disappear", () => {
  const esc = "\u001b[";
  const plainText = (line) => parseAnsi(line).map((span) => span.text).join("");
  assert.deepEqual(parseAnsi(`${esc}31;1merror${esc}0m: ${esc}38;5;196mred${esc}39m ${esc}48;2;1;2;3mback`), [
    { text: "error", classes: "ansi-bold ansi-red" },
    { text: ": ", classes: "" },
    { text: "red", classes: "", style: { color: "#ff0000" } },
    { text: " ", classes: "" },
    { text: "back", classes: "", style: { backgroundColor: "#010203" } },
  ]);
  assert.equal(plainText(`${esc}2K${esc}1;5Ha\u001b]0;title\u0007b\u0000c\u001b(B`), "abc");
  assert.equal(plainText("10 %\r50 %\r100 %\r"), "100 %");
  assert.deepEqual(parseAnsi(`${esc}32m10 %\r100 %`), [{ text: "100 %", classes: "ansi-green" }]);
  assert.equal(plainText("a\tb <img src=x>"), "a\tb <img src=x>");
});

test("smoothing keeps what is not finite, and a constant stays the same", () => {
  const x = Float64Array.from({ length: 50 }, (_, at) => at * at);
  const y = Float64Array.from({ length: 50 }, (_, at) => (at === 7 ? NaN : at === 9 ? Infinity : 3));
  for (const kind of /** @type {const} */ (["ema", "gauss", "mean"])) {
    const found = smooth(x, y, 0.9, kind);
    found.forEach((value, at) => assert.ok(Number.isFinite(y[at]) ? Math.abs(value - 3) < 1e-12 : Object.is(value, y[at])));
    assert.deepEqual(smooth(x, y, 0, kind), y);
    assert.deepEqual(smooth([], [], 0.5, kind), new Float64Array());
    assert.deepEqual([...smooth([1, 1], [1, 2], 0.5, kind)], [1, 2]);
  }
});

test("texts are compared by code point", () => {
  const texts = ["", "a", "ab", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10000}a", "\u{10ffff}"];
  for (const one of texts) for (const two of texts) assert.equal(Math.sign(compareCodePoints(one, two)), Math.sign(texts.indexOf(one) - texts.indexOf(two)));
  assert.equal(wellFormed("a\ud800b\udc00\ud83d\ude00"), "a\ufffdb\ufffd\ud83d\ude00");
});
