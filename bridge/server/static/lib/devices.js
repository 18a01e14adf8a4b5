/** The metrics of devices: each measure of several devices of a kind is one metric. Pure functions. */

/**
 * @typedef {import("./kinds.js").Metric} Metric
 * @typedef {{ key: string, name: string, number: number }} Member the metric of one device
 * @typedef {Metric & { members?: Member[] }} MetricOfDevices its series are those of the members, in the same order
 */

const DEVICE = /^(system\/)([a-z]{3,})([_/ ]?)(\d+)(?=[_/ ]|$)(.*)$/;

/** The kind of device in the key of a system metric: `gpu`, or `host` for the processor and the memory. @param {string} key */
export function deviceOf(key) {
  return /^system\/([a-z]{3,})[_/ ]?(?:\d+|\*)(?=[_/ ]|$)/.exec(key)?.[1] ?? "host";
}

/**
 * Put the metrics of several devices together: `system/gpu_0_percent` and `system/gpu_1_percent` become the metric
 * `system/gpu_*_percent`. The metrics of the host come first, and then those of devices, by name.
 * @param {Metric[]} metrics
 * @returns {MetricOfDevices[]}
 */
export function byDevice(metrics) {
  /** @type {Map<string, [Member, Metric][]>} */
  const found = new Map();
  for (const metric of metrics) {
    const parts = DEVICE.exec(metric.key);
    const key = parts ? `${parts[1]}${parts[2]}${parts[3]}*${parts[5]}` : metric.key;
    const member = { key: metric.key, name: parts ? `${parts[2]} ${parts[4]}` : metric.key, number: Number(parts?.[4]) };
    found.set(key, [...(found.get(key) ?? []), [member, metric]]);
  }
  const joined = [...found].map(([key, own]) => {
    if (own.length === 1) return own[0][1];
    own.sort(([one], [two]) => one.number - two.number);
    const series = own.map(([, metric]) => metric.series.find((one) => one.type === "number") ?? metric.series[0]);
    return { ...own[0][1], key, series, members: own.map(([member]) => member) };
  });
  const rank = (/** @type {string} */ key) => Number(deviceOf(key) !== "host");
  return joined.sort(
    (one, two) => rank(one.key) - rank(two.key) || one.key.localeCompare(two.key, "en", { numeric: true }),
  );
}
