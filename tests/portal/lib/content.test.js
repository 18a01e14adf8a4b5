/** What files contain. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { csvColumns, csvRows, hexLines, isText, kindOf } from "../../../bridge/server/static/lib/content.js";

test("the name of a file says its kind", () => {
  const kinds = { "a/b.PNG": "image", "x.csv": "csv", ".json": "json", "v1.0/model": "text", "a.tar.gz": "binary", "r.html": "html" };
  for (const [path, kind] of Object.entries(kinds)) assert.equal(kindOf(path), kind, path);
});

test("bytes with NUL are no text, and UTF-8 is", () => {
  assert.equal(isText(new TextEncoder().encode("é\tü\n")), true);
  assert.equal(isText(Uint8Array.of(65, 0, 66)), false);
  assert.equal(isText(Uint8Array.of(1, 2, 3, 4)), false);
});

test("CSV may have quotes, separators and line feeds within cells", () => {
  assert.deepEqual(csvRows('a,"b ""c"", d"\r\n"x\ny",\n', ",", 10), [["a", 'b "c", d'], ["x\ny", ""]]); // prettier-ignore
  assert.deepEqual(csvRows("a\tb\n", "\t", 10), [["a", "b"]]);
  assert.equal(csvRows("a\nb\nc\n", ",", 2).length, 2);
});

test("columns of numbers are numbers, names are distinct, and a cut line is left out", () => {
  assert.deepEqual(csvColumns("n,n,w\n1,2e3,a\n,-.5,b\n", ",", false), { n: [1, null], "n′": [2000, -0.5], w: ["a", "b"] });
  assert.deepEqual(csvColumns("n\n1\n2", ",", true), { n: [1] });
  assert.equal(csvColumns("only a line\n", ",", false), null);
});

test("a hex view shows places, bytes and characters", () => {
  assert.equal(hexLines(Uint8Array.of(0, 65, 255)), `00000000  ${"00 41 ff".padEnd(23)}  ${"".padEnd(23)}  ·A·`);
});
