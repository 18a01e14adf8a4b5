/** The messages between a view in the browser and the kernel. */

import { batch, signal } from "@preact/signals";
import { seriesOf } from "runbridge/data/series.js";
import { readFrame } from "runbridge/lib/frame.js";

/** @typedef {import("./types").Contents} Contents */
/** @typedef {import("runbridge/data/series.js").Sampled} Sampled */

/**
 * @typedef {object} Connection
 * @property {import("@preact/signals").Signal<Contents | null>} contents
 * @property {import("@preact/signals").Signal<ReadonlyMap<string, Sampled[]>>} series The series of all runs by key.
 * @property {Set<string>} lines The keys that have had several points in a run. They keep their charts at each zoom.
 * @property {import("@preact/signals").Signal<ReadonlyMap<string, import("./types").OtherValue>>} values What the charts
 *   show that are not lines, by their ids.
 * @property {import("@preact/signals").Signal<{ path: string, text: string, size: number } | null>} log
 * @property {import("@preact/signals").Signal<string>} problem
 * @property {import("@preact/signals").Signal<string>} x The chosen axis.
 * @property {import("@preact/signals").Signal<string>} seriesX The axis of the series: until those of a newly chosen
 *   axis have come, the old ones are shown.
 * @property {import("@preact/signals").Signal<[number, number] | null>} range The chosen range of x; null is all.
 * @property {(message: object) => void} send
 */

/** All views of a model share its data. @type {WeakMap<object, Connection>} */
const connections = new WeakMap();

/**
 * Return the connection of a model. It collects what the kernel sends as long as the model exists.
 *
 * @param {any} model
 * @returns {Connection}
 */
export function connect(model) {
  const known = connections.get(model);
  if (known) return known;
  /** @type {Connection} */
  const connection = {
    contents: signal(null),
    series: signal(new Map()),
    lines: new Set(),
    values: signal(new Map()),
    log: signal(null),
    problem: signal(""),
    x: signal("step"),
    seriesX: signal("step"),
    range: signal(null),
    send: (message) => model.send(message),
  };
  model.on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) =>
    receive(connection, message, buffers),
  );
  connections.set(model, connection);
  return connection;
}

/** @param {Connection} connection @param {any} message @param {DataView[]} buffers */
function receive(connection, message, buffers) {
  if (message.kind === "state") connection.contents.value = message;
  else if (message.kind === "log") connection.log.value = message;
  else if (message.kind === "error") connection.problem.value = message.message;
  else if (message.kind === "value") receiveValue(connection, message, buffers);
  else if (message.kind === "frame") {
    const { buffer, byteOffset, byteLength } = buffers[0];
    // A copy, because the columns of a frame must begin at multiples of 8 bytes.
    const bytes = /** @type {ArrayBuffer} */ (buffer.slice(byteOffset, byteOffset + byteLength));
    const series = new Map(message.x === connection.seriesX.value ? connection.series.value : []);
    for (const key of message.keys) series.set(key, []);
    for (const one of seriesOf(readFrame(bytes)).series) {
      series.get(one.key)?.push(one);
      if (one.points > 1) connection.lines.add(one.key);
    }
    batch(() => {
      connection.seriesX.value = message.x;
      connection.series.value = series;
    });
  }
}

/** @param {Connection} connection @param {any} message @param {DataView[]} buffers */
function receiveValue({ values }, { id, value }, buffers) {
  const old = values.value.get(id)?.url;
  if (old) URL.revokeObjectURL(old);
  const image = buffers?.[0];
  const url = image && URL.createObjectURL(new Blob([/** @type {BlobPart} */ (image)], { type: value.media }));
  values.value = new Map([...values.value, [id, { ...value, url }]]);
}

/** Show another part of x, and ask for its points. @param {Connection} connection @param {[number, number] | null} range */
export function zoom(connection, range) {
  connection.range.value = range;
  connection.send({ kind: "zoom", low: range?.[0] ?? null, high: range?.[1] ?? null });
}

/** Show another axis, and ask for its points. @param {Connection} connection @param {string} x */
export function setAxis(connection, x) {
  connection.x.value = x;
  connection.range.value = null;
  connection.send({ kind: "axis", x });
}
