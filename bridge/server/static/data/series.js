/** Series for charts, as the endpoints `/series` and `/tail` send them. */

/** @typedef {import("../lib/frame.js").Frame} Frame */

/**
 * A series of one run, or of one group of runs. The arrays are views of the answer: nothing may change them.
 * @typedef {object} Sampled
 * @property {string} run the run id, or the name of the group
 * @property {string} key
 * @property {Float64Array} edges the bounds of the buckets, the same for all series of the key; one more than buckets
 * @property {boolean} exact whether `x` and `values` are the points themselves, and the buckets are absent
 * @property {Float64Array | null} x
 * @property {Float64Array | null} values
 * @property {Uint32Array | null} count points in each bucket; in a group, runs
 * @property {Float64Array | null} minimum NaN where a bucket is empty, as in the next three
 * @property {Float64Array | null} maximum
 * @property {Float64Array | null} mean
 * @property {Float64Array | null} deviation only in a group
 * @property {number} points all facts are exact, of the whole range
 * @property {number} first
 * @property {number} latest
 * @property {number} min
 * @property {number} max
 * @property {number} nans
 * @property {number} infinities
 * @property {number} position the position of the last point that the store has, for `getTail`; -1 for a group
 */

/**
 * Return the series of an answer of `/series`.
 * @param {Frame} frame
 * @returns {{keys: {key: string, edges: Float64Array | null}[], series: Sampled[], cursor: string}}
 */
export function seriesOf({ head, columns }) {
  /** @type {Record<string, any>} */
  const of = columns;
  const edges = head.edges.map((/** @type {[number, number] | null} */ place) =>
    place ? of.edges.subarray(place[0], place[0] + place[1]) : null,
  );
  /** @type {Sampled[]} */
  const series = [];
  for (let i = 0; i < of.run.length; i++) {
    const exact = of.exact[i] === 1;
    const [at, end] = [of.at[i], of.at[i] + of.n[i]];
    const part = (/** @type {string} */ name, /** @type {boolean} */ wanted) =>
      wanted && of[name] ? of[name].subarray(at, end) : null;
    series.push({
      run: head.runs[of.run[i]],
      key: head.keys[of.key[i]],
      edges: edges[of.key[i]],
      exact,
      x: part("x", exact),
      values: part("values", exact),
      count: part("count", !exact),
      minimum: part("minimum", !exact),
      maximum: part("maximum", !exact),
      mean: part("mean", !exact),
      deviation: part("deviation", !exact),
      points: of["#points"][i],
      first: of["#first"][i],
      latest: of["#last"][i],
      min: of["#minimum"][i],
      max: of["#maximum"][i],
      nans: of["#nans"][i],
      infinities: of["#infinities"][i],
      position: of["#position"][i],
    });
  }
  const keys = head.keys.map((/** @type {string} */ key, /** @type {number} */ i) => ({ key, edges: edges[i] }));
  return { keys, series, cursor: head.cursor };
}

/**
 * New points of a series. Steps and timestamps beyond ±2^53 are rounded.
 * @typedef {object} Tail
 * @property {string} run
 * @property {string} key
 * @property {number} position the position of the last of these points
 * @property {Float64Array} steps
 * @property {Float64Array} timestamps
 * @property {Float64Array} values
 */

/**
 * Return the new points of an answer of `/tail`.
 * @param {Frame} frame
 * @returns {{series: Tail[], cursor: string}}
 */
export function tailsOf({ head, columns }) {
  /** @type {Record<string, any>} */
  const of = columns;
  const series = head.series.map((/** @type {[string, string, number]} */ one, /** @type {number} */ i) => {
    const [at, end] = [of.at[i], of.at[i] + of.n[i]];
    return {
      run: one[0],
      key: one[1],
      position: one[2],
      steps: of.step.subarray(at, end),
      timestamps: of.timestamp.subarray(at, end),
      values: of.values.subarray(at, end),
    };
  });
  return { series, cursor: head.cursor };
}
