/** How much each param says about a metric: the share of its variation that the param explains alone. Pure functions. */

/** @typedef {import("./axes.js").Axis} Axis */
/** @typedef {{ axis: Axis, share: number, correlation: number | null, runs: number }} Influence */

/** The least number of runs, and the greatest number of groups into which the numbers of a param are divided. */
const LEAST_RUNS = 8;
const GROUPS = 8;

/**
 * Return the influence of each param on a metric, greatest first. Params with fewer than `LEAST_RUNS` runs are absent.
 *
 * `share` is from 0 to 1: the variation of the metric between groups of runs with the same value, less what chance
 * explains (epsilon squared). Numbers with many values are divided into eight groups of equal size. On a logarithmic
 * axis, the logarithm of the metric counts. `correlation` is Spearman's; null if the param has words.
 * @param {Axis[]} params
 * @param {Axis} metric
 * @returns {Influence[]}
 */
export function influences(params, metric) {
  const found = params.flatMap((axis) => {
    const rows = [...axis.values.keys()].filter((row) => Number.isFinite(axis.values[row]) && Number.isFinite(metric.positions[row]));
    if (rows.length < LEAST_RUNS) return [];
    const x = rows.map((row) => axis.values[row]);
    const y = rows.map((row) => metric.positions[row]);
    const correlation = axis.kind === "number" ? spearman(x, y) : null;
    return [{ axis, share: explained(groupsOf(x, axis.kind), y), correlation, runs: rows.length }];
  });
  return found.sort((one, two) => two.share - one.share || (one.axis.label < two.axis.label ? -1 : 1));
}

/** The group of each value. @param {number[]} values @param {"number" | "word"} kind */
function groupsOf(values, kind) {
  if (kind === "word" || new Set(values).size <= GROUPS) return values;
  return ranksOf(values).map((rank) => Math.min(GROUPS - 1, Math.floor((rank / values.length) * GROUPS)));
}

/**
 * The share of the variation of y between groups, less what is expected by chance.
 * @param {number[]} groups
 * @param {number[]} y
 */
export function explained(groups, y) {
  /** @type {Map<number, number[]>} */
  const members = new Map();
  groups.forEach((group, at) => {
    const own = members.get(group);
    if (own) own.push(y[at]);
    else members.set(group, [y[at]]);
  });
  const total = squares(y);
  const rest = y.length - members.size;
  if (!(total > 0) || members.size < 2 || rest < 1) return 0;
  const within = [...members.values()].reduce((sum, own) => sum + squares(own), 0);
  return Math.min(1, Math.max(0, 1 - (within / rest) * ((y.length - 1) / total)));
}

/** The sum of the squared differences to the mean. @param {number[]} values */
function squares(values) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

/** The places of values in their order, from 0; equal values have the mean of their places. @param {number[]} values */
export function ranksOf(values) {
  const order = [...values.keys()].sort((one, two) => values[one] - values[two]);
  const ranks = new Array(values.length).fill(0);
  for (let at = 0; at < order.length; ) {
    let end = at;
    while (end + 1 < order.length && values[order[end + 1]] === values[order[at]]) end++;
    for (let place = at; place <= end; place++) ranks[order[place]] = (at + end) / 2;
    at = end + 1;
  }
  return ranks;
}

/** Spearman's correlation; 0 if one side has only one value. @param {number[]} x @param {number[]} y */
export function spearman(x, y) {
  const [one, two] = [ranksOf(x), ranksOf(y)];
  const middle = (x.length - 1) / 2;
  const product = one.reduce((sum, rank, at) => sum + (rank - middle) * (two[at] - middle), 0);
  const whole = Math.sqrt(squares(one) * squares(two));
  return whole > 0 ? product / whole : 0;
}
