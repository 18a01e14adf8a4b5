import assert from "node:assert/strict";
import { test } from "node:test";
import { exported } from "../../../bridge/server/static/lib/export.js";

/** @param {Record<string, (string | number | null)[]>} columns */
const table = (columns) => ({
  columns: Object.entries(columns).map(([label, values]) => ({ label, get: (/** @type {number} */ row) => values[row] })),
  rows: Object.values(columns)[0].length,
});

test("a CSV file has all digits, and quotes what would break it", () => {
  const text = exported(table({ name: ['a "b", c', "two\nlines"], "val/loss": [0.1 + 0.2, null] }), "csv");
  assert.equal(text, 'name,val/loss\r\n"a ""b"", c",0.30000000000000004\r\n"two\nlines",\r\n');
});

test("only the CSV file for spreadsheets changes texts that a spreadsheet takes as formulas", () => {
  const formulas = table({ name: ["=cmd()", "@x", "plain"], loss: [-1, 2, 3] });
  assert.equal(exported(formulas, "csv"), "name,loss\r\n=cmd(),-1\r\n@x,2\r\nplain,3\r\n");
  assert.equal(exported(formulas, "spreadsheet"), "\ufeffname,loss\r\n'=cmd(),-1\r\n'@x,2\r\nplain,3\r\n");
});

test("JSON keeps NaN and infinite values as texts", () => {
  const rows = JSON.parse(exported(table({ loss: [NaN, -Infinity, 1, null] }), "json"));
  assert.deepEqual(rows, [{ loss: "NaN" }, { loss: "-Infinity" }, { loss: 1 }, { loss: null }]);
});

test("Markdown and LaTeX escape their marks and align numbers to the right", () => {
  const rows = table({ "a|b_c": ["50 %", "x\ny"], loss: [1, 2] });
  assert.equal(exported(rows, "markdown"), "| a\\|b\\_c | loss |\n| --- | ---: |\n| 50 % | 1 |\n| x y | 2 |\n");
  const tex = exported(rows, "latex").split("\n");
  assert.equal(tex[0], "\\begin{tabular}{lr}");
  assert.equal(tex[2], "a|b\\_c & loss \\\\");
  assert.equal(tex[4], "50 \\% & 1 \\\\");
});
