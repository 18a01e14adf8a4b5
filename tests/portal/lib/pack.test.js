import assert from "node:assert/strict";
import { test } from "node:test";
import { COLUMNS, fitCharts, packSections } from "../../../bridge/server/static/lib/pack.js";
import { Chance } from "./random.js";

const random = new Chance(3);
const chance = () => random.next();

/** @param {number[]} widths */
const sections = (widths) => widths.map((width) => ({ width }));
/** @param {number[]} widths @param {number} perRow */
const packed = (widths, perRow) => packSections(sections(widths), perRow).map(({ span, columns, starts }) => `${starts ? "|" : ""}${span}/${columns}`);

test("short sections share a row, and long ones have their own", () => {
  assert.deepEqual(packed([1, 1, 2], 4), ["|15/1", "15/1", "30/2"]);
  assert.deepEqual(packed([1, 1, 2], 2), ["|30/1", "30/1", "|60/2"]);
  assert.deepEqual(packed([1, 7, 1], 3), ["|30/1", "|60/3", "|30/1"]);
  assert.deepEqual(packed([2, 2], 3), ["|60/2", "|60/2"]);
});

test("closed sections are beside each other", () => {
  assert.deepEqual(packed([0, 0, 2, 0], 2), ["|30/1", "30/1", "|60/2", "|30/1"]);
});

test("one or two charts fill the row", () => {
  assert.deepEqual(packed([1], 4), ["|60/1"]);
  assert.deepEqual(packed([1, 1], 4), ["|30/1", "30/1"]);
  assert.deepEqual(packed([2], 4), ["|60/2"]);
});

test("no row is overfull, every section has a place in whole columns, and no chart is thrice as wide as another", () => {
  for (let round = 0; round < 500; round++) {
    const widths = Array.from({ length: 1 + Math.floor(chance() * 8) }, () => Math.floor(chance() * 9));
    const perRow = 1 + Math.floor(chance() * 6);
    let used = 0;
    const shares = [];
    for (const { span, columns, starts } of packSections(sections(widths), perRow)) {
      used = starts ? span : used + span;
      assert.ok(Number.isInteger(span) && span > 0 && used <= COLUMNS && columns >= 1, JSON.stringify([widths, perRow]));
      shares.push(span / columns);
    }
    const total = widths.reduce((sum, width) => sum + width, 0);
    if (total > 2) assert.ok(Math.max(...shares) <= 2 * Math.min(...shares) + 1e-9 || perRow === 1, JSON.stringify([widths, perRow, shares]));
  }
});

const ROOM = { width: 1480, height: 1280, body: 208, frame: 56, head: 36 };

test("few charts fill a large screen, and many have the usual height", () => {
  const four = fitCharts(() => sections([1, 1, 2]), 4, ROOM);
  assert.deepEqual([four.packed.map(({ columns }) => columns), four.body], [[1, 1, 2], 414]);
  const many = fitCharts(() => sections([30, 30]), 4, ROOM);
  assert.deepEqual([many.perRow, many.body], [4, 208]);
});

test("what fits is not higher than the screen", () => {
  for (const width of [700, 940, 1480]) {
    for (const height of [500, 720, 1280]) {
      for (const widths of [[1], [2], [3], [1, 1, 2], [4, 4], [0, 2, 0]]) {
        const most = Math.max(1, Math.floor(width / 340));
        const { packed: places, body, perRow } = fitCharts(() => sections(widths), most, { ...ROOM, width, height });
        const rows = [];
        places.forEach(({ columns, starts }, at) => {
          const deep = widths[at] ? Math.ceil(widths[at] / columns) : 0;
          if (starts) rows.push(deep);
          else rows[rows.length - 1] = Math.max(rows[rows.length - 1], deep);
        });
        const used = rows.reduce((sum, deep) => sum + 36 + deep * (body + 56), 0);
        assert.ok(used <= height || (perRow === most && body === 208), JSON.stringify([width, height, widths, body, used]));
      }
    }
  }
});
