import assert from "node:assert/strict";
import { test } from "node:test";
import { columnName, columnParts } from "../../../bridge/server/static/lib/column.js";
import { parseRoute, printRoute } from "../../../bridge/server/static/lib/route.js";
import { DEFAULT, parse, parseList, print, printList } from "../../../bridge/server/static/lib/state.js";
import { Chance } from "./random.js";

const PARTS = [
  "", "a", "name", "metrics.val/loss", "metrics.val/loss:min", ",", "\\", "\\,", ":", "-", "%2C", "%", "+", " ", "&", "=", "#",
  "é", "𝄞", "\ud800", "\udc00", "top:5", "top:007", "ids:a,b", "all", "0.9", "1e400", "-1", "NaN", "1..2", "2..1", "log", "dark",
  "step", "metric:", "metric:epoch", "\u2028", "'", "\"", "\n",
]; // prettier-ignore
const KEYS = [...Object.keys(DEFAULT), "log", "tab-1", "Q", "__proto__", "constructor", "", "other"];

test("the text of a state is a fixed point, for any address", () => {
  const chance = new Chance(1);
  for (let round = 0; round < 20_000; round += 1) {
    const pairs = chance.list(6, () => [chance.of(KEYS), chance.list(5, () => chance.of(PARTS)).join("")]);
    const raw = pairs.map(([key, text]) => `${key}=${text}`).join("&");
    const encoded = new URLSearchParams(/** @type {any} */ (pairs)).toString();
    for (const search of [raw, encoded]) {
      const text = print(parse(search));
      assert.equal(print(parse(text)), text, JSON.stringify(search));
      assert.deepEqual(parse(print(parse(text))), parse(text), JSON.stringify(search));
    }
  }
});

test("a state is read as it was written, with names that contain any character", () => {
  const chance = new Chance(2);
  for (let round = 0; round < 5000; round += 1) {
    const name = () => `metrics.${chance.of(PARTS).toWellFormed()}${chance.of(PARTS).toWellFormed()}x`;
    /** Every key of a state, so that none is lost. */
    const state = {
      q: chance.of(PARTS).toWellFormed(),
      sort: chance.list(4, () => ({ column: name(), descending: chance.next() < 0.5 })),
      cols: chance.next() < 0.3 ? null : [name(), ...chance.list(4, name)],
      pin: chance.of([0, 1, 7]),
      group: chance.list(3, name),
      agg: chance.of(["mean", "median", "min", "max", "best"]),
      band: chance.of(["std", "minmax", "quartiles", "none"]),
      show: chance.of([{ kind: "all" }, { kind: "top", count: 7 }, { kind: "ids", ids: [name()] }]),
      hide: chance.list(3, name),
      pinned: chance.list(3, name),
      base: chance.of(["", name()]),
      runs: chance.list(3, name),
      x: chance.of(["step", "time", "relative", `metric:${name()}`]),
      smooth: chance.next() * 0.999,
      kind: chance.of(["ema", "gauss", "mean"]),
      y: chance.of(["linear", "log"]),
      range: chance.of([null, [-1e-9, 5e300], [0, 1]]),
      charts: chance.of(["", "val/*,train/loss;big:val/loss"]),
      view: chance.of(["", name()]),
      theme: chance.of(["", "light", "dark"]),
      other: chance.of([{}, { log: "a/b.txt", line: "12" }]),
    };
    assert.deepEqual(Object.keys(state).sort(), Object.keys(DEFAULT).sort());
    assert.deepEqual(parse(print(/** @type {any} */ (state))), state);
  }
});

test("equal states have equal addresses, and what is default is absent", () => {
  assert.equal(print(DEFAULT), "");
  assert.equal(print(parse("?x=step&smooth=0&pin=1&show=top:50&sort=&agg=mean")), "");
  assert.equal(print(parse("smooth=0.5&q=a")), print(parse("q=a&smooth=0.5")));
  assert.equal(
    print(parse("sort=-metrics.val/loss,params.lr&q=metrics.loss < 0.3 and params.model = 'cnn'")),
    "q=metrics.loss%20%3C%200.3%20and%20params.model%20=%20%27cnn%27&sort=-metrics.val/loss,params.lr",
  );
});

test("values that are not valid are ignored", () => {
  const state = parse("smooth=5&pin=-3&y=round&range=5..1&show=top:x&x=metric:&theme=pink&agg=sum&kind=&band=all");
  assert.deepEqual({ ...state, smooth: 0, pin: 1 }, { ...DEFAULT, other: {} });
  assert.deepEqual([state.smooth, state.pin], [0.999, 0]);
});

test("an address over a saved view contains the changes only, also back to a default", () => {
  const view = parse("q=a&smooth=0.9&sort=-number&log=x");
  assert.equal(print(view, view), "");
  const changed = { ...view, smooth: 0, q: "", other: {} };
  assert.equal(print(changed, view), "log=&q=&smooth=0");
  const read = parse(print(changed, view), view);
  assert.deepEqual([read.smooth, read.q, read.sort, read.other.log], [0, "", view.sort, ""]);
});

test("a list of names is read as it was joined", () => {
  const names = ["a,b", "c\\", "\\,", "d:e", "é"];
  assert.deepEqual(parseList(printList(names)), names);
  assert.equal(printList(names), "a\\,b,c\\\\,\\\\\\,,d:e,é");
});

test("the parts of a column's name are found, also if the key ends like a statistic", () => {
  assert.deepEqual(columnParts("metrics.val/loss:min"), { entity: "metric", key: "val/loss", statistic: "min" });
  assert.deepEqual(columnParts("params.a:min"), { entity: "param", key: "a:min", statistic: "last" });
  assert.deepEqual(columnParts("start_time"), { entity: "attribute", key: "start_time", statistic: "last" });
  for (const entity of /** @type {const} */ (["metric", "param", "tag", "property"]))
    for (const key of ["a", "a:min", "a:min:max", ":min", "a.b", "a:", "x:last"])
      for (const statistic of /** @type {const} */ (entity === "metric" ? ["last", "min", "step"] : ["last"]))
        assert.deepEqual(columnParts(columnName({ entity, key, statistic })), { entity, key, statistic });
});

test("the address of a page leads to the page", () => {
  const pages = [
    { page: "home", id: "", tab: "" }, { page: "experiment", id: "12", tab: "" }, { page: "compare", id: "12", tab: "" },
    { page: "compare", id: "", tab: "" }, { page: "notes", id: "1", tab: "" }, { page: "run", id: "a/b é%", tab: "" },
    { page: "run", id: "r", tab: "logs" }, { page: "view", id: "abcd1234", tab: "" },
  ]; // prettier-ignore
  for (const base of ["/portal", "/w/my workspace/portal"])
    for (const route of pages) {
      const address = printRoute(base, /** @type {any} */ (route), "q=1");
      assert.deepEqual(parseRoute(address.replace("?q=1", ""), base), route);
    }
  for (const path of ["/portal/runs", "/portal/runs/a/none", "/portal/x", "/other", "/portal/runs/%", "/portal/notes", "/portals"])
    assert.equal(parseRoute(path, "/portal").page, "unknown");
});
