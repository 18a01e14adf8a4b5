/** Metrics of several devices. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { byDevice, deviceOf } from "../../../bridge/server/static/lib/devices.js";

const metric = (key, last = 0) => ({ key, kinds: ["scalar"], description: null, series: [{ kind: "scalar", type: "number", column: "", points: 2, last }] });

test("a measure of several devices is one metric, after those of the host", () => {
  const found = byDevice(["system/gpu_10_percent", "system/gpu_2_percent", "system/cpu_percent"].map((key, at) => metric(key, at)));
  assert.deepEqual(found.map((one) => one.key), ["system/cpu_percent", "system/gpu_*_percent"]);
  assert.deepEqual(found[1].members.map((one) => one.name), ["gpu 2", "gpu 10"]);
  assert.deepEqual(found[1].series.map((one) => one.last), [1, 0]);
});

test("a measure of one device keeps its key", () => {
  const [found] = byDevice([metric("system/gpu_0_percent")]);
  assert.deepEqual([found.key, found.members], ["system/gpu_0_percent", undefined]);
});

test("devices are recognised by their number", () => {
  assert.deepEqual(
    ["system/gpu_0_percent", "system/gpu/1/power", "system/disk_*_used", "system/cpu_percent", "system/p99_latency"].map(deviceOf),
    ["gpu", "gpu", "disk", "host", "host"],
  );
});
