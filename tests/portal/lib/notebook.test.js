/** The cells of a Jupyter notebook. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { notebookOf } from "../../../bridge/server/static/lib/notebook.js";

const of = (...cells) => notebookOf(JSON.stringify({ nbformat: 4, metadata: {}, cells }));

test("a cell has its text, its number and its outputs", () => {
  const outputs = [
    { output_type: "stream", text: ["one\n", "two\n"] },
    { output_type: "error", traceback: ["\u001b[0;31mValueError\u001b[0m: no"] },
    { output_type: "display_data", data: { "text/plain": "<Figure>", "image/png": "iVBO\nRw0K" } },
    { output_type: "execute_result", data: { "text/html": "<b>3</b>", "text/plain": ["3"] } },
  ];
  const found = of({ cell_type: "code", execution_count: 2, source: ["a = 1\n", "a"], outputs });
  assert.deepEqual(found.cells, [
    {
      kind: "code",
      text: "a = 1\na",
      count: 2,
      outputs: [
        { kind: "text", text: "one\ntwo\n" },
        { kind: "error", text: "ValueError: no" },
        { kind: "image", address: "data:image/png;base64,iVBORw0K" },
        { kind: "text", text: "3" },
      ],
    },
  ]);
  assert.equal(found.language, "python");
});

test("an image that is not base64 is not shown", () => {
  const outputs = [{ output_type: "display_data", data: { "image/png": "x\"onerror", "text/plain": "a figure" } }];
  assert.deepEqual(of({ cell_type: "code", source: "", outputs }).cells[0].outputs, [{ kind: "text", text: "a figure" }]);
});

test("other files and broken cells are no reason to fail", () => {
  for (const text of ["", "{}", "[1]", '{"cells": 3}', '{"cells": [], "nbformat": 3}']) assert.equal(notebookOf(text), null);
  assert.deepEqual(of(null, { cell_type: "markdown", source: "# a" }).cells.map((cell) => [cell.kind, cell.text]), [
    ["code", ""],
    ["markdown", "# a"],
  ]);
});
