import assert from "node:assert/strict";
import { test } from "node:test";
import * as filter from "../../../bridge/server/static/lib/filter.js";
import { find, pieces } from "../../../bridge/server/static/lib/match.js";

const kinds = (text) => filter.tokens(text).map((token) => `${token.kind} ${token.text}`);

test("the words of a filter have their kinds and places", () => {
  assert.deepEqual(kinds("metrics.loss < 0.3 and params.`a b` = 'x and y'"), [
    "key metrics.loss", "comparator <", "number 0.3", "keyword and", "key params.`a b`", "comparator =", "text 'x and y'",
  ]); // prettier-ignore
  assert.deepEqual(kinds('tags.team NOT ILIKE "v%" AND run_id IN (\'a\', \'b\')'), [
    "key tags.team", "comparator NOT ILIKE", 'text "v%"', "keyword AND", "key run_id", "comparator IN", "mark (", "text 'a'", "mark ,", "text 'b'", "mark )",
  ]); // prettier-ignore
  assert.deepEqual(kinds("params.a IS NOT NULL"), ["key params.a", "comparator IS NOT NULL"]);
  for (const token of filter.tokens("  metrics.é  >=  -1e-3 §")) assert.equal("  metrics.é  >=  -1e-3 §".slice(token.start, token.end), token.text);
});

test("what can be completed follows from what is before the caret", () => {
  /** @param {string} text A filter with | at the caret. */
  const at = (text) => {
    const { want, typed, key, start, end } = filter.completionAt(text.replace("|", ""), text.indexOf("|"));
    return [want, typed, key, text.replace("|", "").slice(start, end)];
  };
  assert.deepEqual(at("|"), ["key", "", "", ""]);
  assert.deepEqual(at("metr|"), ["key", "metr", "", "metr"]);
  assert.deepEqual(at("metrics.val|"), ["key", "metrics.val", "", "metrics.val"]);
  assert.deepEqual(at("metrics.`val/lo|"), ["key", "metrics.val/lo", "", "metrics.`val/lo"]);
  assert.deepEqual(at("metrics.loss |"), ["comparator", "", "metrics.loss", ""]);
  assert.deepEqual(at("params.lr = |"), ["value", "", "params.lr", ""]);
  assert.deepEqual(at("params.lr =|"), ["value", "", "params.lr", ""]);
  assert.deepEqual(at("metrics.loss <|"), ["comparator", "<", "metrics.loss", "<"]);
  assert.deepEqual(at("metrics.loss <=|"), ["value", "", "metrics.loss", ""]);
  assert.deepEqual(at("params.lr = 'ad|"), ["value", "ad", "params.lr", "'ad"]);
  assert.deepEqual(at("params.lr = 'adam' |"), ["join", "", "params.lr", ""]);
  assert.deepEqual(at("params.lr = 'adam' and |"), ["key", "", "", ""]);
  assert.deepEqual(at("params.lr = 'adam' and tags.t|"), ["key", "tags.t", "", "tags.t"]);
  assert.deepEqual(at("run_id IN ('a', |"), ["value", "", "run_id", ""]);
  assert.deepEqual(at("params.`a b` IS NULL |"), ["join", "", "params.a b", ""]);
});

test("a clause is added once, and a name that needs quotes gets them", () => {
  const clause = filter.clauseText("params.optimizer", "=", "adamw");
  assert.equal(clause, "params.optimizer = 'adamw'");
  assert.equal(filter.addClause("", clause), clause);
  assert.equal(filter.addClause("metrics.loss < 1", clause), `metrics.loss < 1 and ${clause}`);
  assert.equal(filter.addClause(`metrics.loss < 1 AND ${clause}`, clause), `metrics.loss < 1 AND ${clause}`);
  assert.deepEqual(filter.clauses("a = 'x and y' and run_id in ('a','b') AND b = 1"), ["a = 'x and y'", "run_id in ('a','b')", "b = 1"]);
  assert.equal(filter.clauseText("metrics.val/loss", "<", 0.3), "metrics.`val/loss` < 0.3");
  assert.equal(filter.clauseText("tags.team", "=", "it's"), 'tags.team = "it\'s"');
  assert.equal(filter.clauseText("tags.team", "=", `it's "x"`), `tags.team LIKE 'it_s "x"' and tags.team LIKE "it's _x_"`);
  assert.equal(filter.clauseText("metrics.loss", "<", 1e21), "metrics.loss < 1e21");
  assert.equal(filter.literal("metrics.loss", "1e+21"), "1e21");
  assert.equal(filter.keyText("name"), "run_name");
  assert.equal(filter.columnOf("metric.`a.b`"), "metrics.a.b");
  assert.equal(filter.placeIn("𝄞a", 1), 2);
});

test("a search finds all words, and the best first", () => {
  const items = ["train/loss", "loss", "val/loss", "val/closs", "accuracy"];
  assert.deepEqual(find(items, "LOSS", (item) => item).map(({ item }) => item), ["loss", "val/loss", "train/loss", "val/closs"]);
  assert.deepEqual(find(items, "loss val", (item) => item).map(({ item }) => item), ["val/loss", "val/closs"]);
  assert.deepEqual(find(items, "", (item) => item).length, 5);
  assert.deepEqual(pieces("val/loss", [[4, 8], [0, 3]]), ["", "val", "/", "loss", ""]);
  assert.equal(pieces("abcdef", [[0, 4], [2, 6]]).join(""), "abcdef");
});

test("a completed value has quotes unless the column contains numbers", () => {
  assert.equal(filter.literal("params.lr", "0.1"), "'0.1'");
  assert.equal(filter.literal("tags.year", "2026"), "'2026'");
  assert.equal(filter.literal("name", "7"), "'7'");
  assert.equal(filter.literal("metrics.loss", "0.1"), "0.1");
  assert.equal(filter.literal("metrics.text", "good"), "'good'");
  assert.equal(filter.literal("start_time", "5"), "5");
});
