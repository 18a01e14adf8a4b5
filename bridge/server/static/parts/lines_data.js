/** Lines of a chart as columns: from the server's samples, with points that are added while a run goes on. */

/**
 * A line. The first `n` values of each array are used, so that points can be added without a copy.
 *
 * `y` is a point's value, or the mean of a bucket. `low` and `high` are a bucket's extremes, or the band of a group.
 * `count` is the number of points in a bucket: a bucket without points is passed over, and one with points but without
 * a mean breaks the line. `exact` says that each value is a point.
 *
 * @typedef {object} Line
 * @property {string} id the run's id, or the group's name
 * @property {string} name
 * @property {string} colour
 * @property {number[]} dash
 * @property {boolean} exact
 * @property {boolean} group whether it is the mean of runs, so that `low` and `high` are no points
 * @property {boolean} [dots] whether its points are drawn without a line
 * @property {number} n
 * @property {Float64Array} x
 * @property {Float64Array} y
 * @property {Float64Array | null} low
 * @property {Float64Array | null} high
 * @property {Float64Array | null} count
 * @property {number} width the width of a bucket; 0 if `exact`
 * @property {number} points all points in the range
 * @property {number} latest
 * @property {number} min
 * @property {number} max
 * @property {number} nans
 * @property {number} infinities
 * @property {number} position the last point that the line has; -1 if unknown
 * @property {Map<string, Float64Array>} [smoothed] results of smoothing, by what was asked for
 */

/**
 * A series as the server samples it; see data/series.js.
 * @typedef {object} Sampled
 * @property {string} run
 * @property {string} key
 * @property {boolean} exact
 * @property {ArrayLike<number>} edges
 * @property {ArrayLike<number> | null} x
 * @property {ArrayLike<number> | null} values
 * @property {ArrayLike<number> | null} count
 * @property {ArrayLike<number> | null} minimum
 * @property {ArrayLike<number> | null} maximum
 * @property {ArrayLike<number> | null} mean
 * @property {ArrayLike<number> | null} [deviation]
 * @property {number} points
 * @property {number} latest
 * @property {number} min
 * @property {number} max
 * @property {number} nans
 * @property {number} infinities
 * @property {number} [position]
 */

/**
 * Return a line from a sampled series.
 * @param {Sampled} sampled
 * @param {{ name: string, colour: string, dash: number[], band?: "std" | "minmax" | "none" | "quartiles" }} look
 * @returns {Line}
 */
export function toLine(sampled, look) {
  const { exact, edges } = sampled;
  const values = (exact ? sampled.values : sampled.mean) || [];
  const n = values.length;
  const room = n + Math.max(8, n >> 3);
  const filled = (/** @type {ArrayLike<number>} */ source) => {
    const array = new Float64Array(room);
    array.set(source);
    return array;
  };
  /** @type {Line} */
  const line = {
    id: sampled.run, name: look.name, colour: look.colour, dash: look.dash, exact, group: Boolean(sampled.deviation), n, x: filled(sampled.x || []),
    y: filled(values), low: null, high: null, count: null, width: 0, points: sampled.points, latest: sampled.latest,
    min: sampled.min, max: sampled.max, nans: sampled.nans, infinities: sampled.infinities,
    position: sampled.position ?? -1,
  };
  if (exact) return line;
  line.width = n ? (edges[n] - edges[0]) / n : 0;
  for (let at = 0; at < n; at++) line.x[at] = (edges[at] + edges[at + 1]) / 2;
  line.count = filled(sampled.count || []);
  // A group has no last point, but its mean has a last value.
  for (let at = n - 1; at >= 0 && line.group && Number.isNaN(line.latest); at--) line.latest = line.y[at];
  if (look.band === "none") return line;
  line.low = filled(sampled.minimum || []);
  line.high = filled(sampled.maximum || []);
  if (look.band === "std" && sampled.deviation) {
    for (let at = 0; at < n; at++) {
      const spread = sampled.deviation[at] || 0;
      line.low[at] = line.y[at] - spread;
      line.high[at] = line.y[at] + spread;
    }
  }
  return line;
}

/**
 * Add points to a line: to its last bucket, or as new buckets of the same width.
 *
 * Returns false if the line needs a new envelope instead: it has grown by an eighth, or a point comes before its end.
 * @param {Line} line
 * @param {ArrayLike<number>} xs
 * @param {ArrayLike<number>} ys
 */
function addPoints(line, xs, ys) {
  for (let at = 0; at < xs.length; at++) {
    const end = line.n - 1;
    const x = xs[at];
    const y = ys[at];
    if (line.exact) {
      if (line.n >= line.x.length || (end >= 0 && x < line.x[end])) return false;
      line.x[line.n] = x;
      line.y[line.n++] = y;
    } else if (line.width > 0 && end >= 0 && Math.abs(x - line.x[end]) <= line.width / 2) {
      addToBucket(line, end, y);
    } else {
      const steps = line.width > 0 && end >= 0 ? Math.round((x - line.x[end]) / line.width) : 0;
      if (steps < 1 || line.n + steps > line.x.length) return false;
      for (let step = 1; step <= steps; step++) {
        line.x[line.n] = line.x[end] + step * line.width;
        line.y[line.n] = NaN;
        if (line.low && line.high) line.low[line.n] = line.high[line.n] = NaN;
        /** @type {Float64Array} */ (line.count)[line.n] = 0;
        line.n++;
      }
      addToBucket(line, line.n - 1, y);
    }
    line.points++;
    line.latest = y;
    if (Number.isNaN(y)) line.nans++;
    else {
      if (!Number.isFinite(y)) line.infinities++;
      line.min = y < line.min || Number.isNaN(line.min) ? y : line.min;
      line.max = y > line.max || Number.isNaN(line.max) ? y : line.max;
    }
  }
  line.smoothed = undefined;
  return true;
}

/**
 * Add those points to a line that are in the range of a zoom.
 * @param {Line} line
 * @param {Float64Array} xs
 * @param {Float64Array} ys
 * @param {[number, number] | null} range
 */
export function addInRange(line, xs, ys, range) {
  if (!range) return addPoints(line, xs, ys);
  const inside = [...xs.keys()].filter((at) => xs[at] >= range[0] && xs[at] <= range[1]);
  return addPoints(line, inside.map((at) => xs[at]), inside.map((at) => ys[at]));
}

/**
 * @param {Line} line
 * @param {number} at
 * @param {number} y
 */
function addToBucket(line, at, y) {
  const count = /** @type {Float64Array} */ (line.count);
  if (line.low && line.high && !Number.isNaN(y)) {
    line.low[at] = y < line.low[at] || Number.isNaN(line.low[at]) ? y : line.low[at];
    line.high[at] = y > line.high[at] || Number.isNaN(line.high[at]) ? y : line.high[at];
  }
  if (Number.isFinite(y)) {
    const before = Number.isFinite(line.y[at]) ? count[at] : 0;
    line.y[at] = before ? line.y[at] + (y - line.y[at]) / (before + 1) : y;
  }
  count[at]++;
}

/**
 * Return the place of the value nearest to x, among those that have points; -1 if there is none.
 * @param {Line} line
 * @param {number} x
 */
export function nearest(line, x) {
  let low = 0;
  let high = line.n - 1;
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (line.x[middle] <= x) low = middle;
    else high = middle;
  }
  const first = x - line.x[low] <= line.x[high] - x ? low : high;
  const { count } = line;
  const full = (/** @type {number} */ at) => (count ? count[at] > 0 : true);
  if (full(first)) return first;
  for (let step = 1; step < line.n; step++) {
    if (first - step >= 0 && full(first - step)) return first - step;
    if (first + step < line.n && full(first + step)) return first + step;
  }
  return -1;
}
