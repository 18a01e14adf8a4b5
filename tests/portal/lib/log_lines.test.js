/** The rows of a log. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { aligned, LONGEST, matches, pieces } from "../../../bridge/server/static/lib/log_lines.js";

const bytes = (text) => new TextEncoder().encode(text);
const texts = (found) => found.map(({ text }) => text);

test("each line is a piece with its place", () => {
  const found = pieces(bytes("one\n\ntwo"), 100, true);
  assert.deepEqual(found, [
    { at: 100, end: 104, text: "one", first: true, last: true },
    { at: 104, end: 105, text: "", first: true, last: true },
    { at: 105, end: 108, text: "two", first: true, last: false },
  ]);
});

test("a long line is cut between characters", () => {
  const line = "é".repeat(LONGEST); // two bytes each
  const found = pieces(bytes(`a${line}\nend\n`), 0, true);
  assert.equal(texts(found).slice(0, -1).join(""), `a${line}`);
  assert.ok(found.every(({ at, end }) => end - at <= LONGEST));
  assert.deepEqual(found.map(({ first }) => first), [true, ...Array(found.length - 2).fill(false), true]);
  assert.equal(found.at(-1).text, "end");
});

test("pieces cover all bytes, whatever these are", () => {
  let seed = 7;
  const next = (most) => (seed = (seed * 48271) % 2147483647) % most;
  for (let round = 0; round < 200; round += 1) {
    const content = Uint8Array.from({ length: next(9000) }, () => (next(50) ? 0x80 + next(128) : 10));
    const found = pieces(content, 5, false);
    let at = 5;
    for (const piece of found) {
      assert.equal(piece.at, at);
      assert.ok(piece.end > piece.at);
      at = piece.end;
    }
    assert.equal(at, 5 + content.length);
  }
});

test("a carriage return starts the line again, and control characters are left out", () => {
  assert.deepEqual(texts(pieces(bytes("10 %\r20 %\r30 %\r\nwindows\r\nnul\0\x07 bell\n"), 0, true)), ["30 %", "windows", "nul bell"]);
  assert.deepEqual(texts(pieces(bytes("\x1b[31mred\rnew\n"), 0, true)), ["\x1b[31mred\rnew"]); // the colours need it
});

test("a window begins with a line if one begins in it, and else with a character", () => {
  assert.deepEqual(texts(pieces(...Object.values(aligned(bytes("half\nwhole\nlines\n"), 9)))), ["whole", "lines"]);
  const cut = aligned(bytes("é".repeat(9)).subarray(1), 9);
  assert.deepEqual([cut.start, cut.begins, new TextDecoder().decode(cut.bytes)], [10, false, "é".repeat(8)]);
  assert.equal(aligned(bytes("x\ny\n"), 0).begins, true);
});

test("finds are without regard to case, and never empty", () => {
  assert.deepEqual(matches("Error error", "ERROR"), [[0, 5], [6, 11]]); // prettier-ignore
  assert.deepEqual(matches("abc", ""), []);
});
