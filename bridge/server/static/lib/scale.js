/** The ticks of axes, and their texts. */

/**
 * Return about `wanted` round numbers between two numbers, or both where no round number lies between them.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} wanted
 */
export function ticks(low, high, wanted = 6) {
  const rough = high / wanted - low / wanted;
  if (!(rough > 0) || !Number.isFinite(rough)) return [low, high];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * (rough / power > 5 ? 10 : rough / power > 2 ? 5 : rough / power > 1 ? 2 : 1);
  /** @type {Set<number>} */
  const found = new Set();
  for (let at = Math.ceil(low / step - 1e-9); at <= Math.floor(high / step + 1e-9) && found.size < 20; at += 1)
    found.add(Number((at * step).toPrecision(15)));
  return found.size > 0 ? [...found] : [low, high];
}

/**
 * Return powers of ten from `low` to `high`, with twos and fives if the range is short. Both must be positive.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} count
 */
export function logTicks(low, high, count = 6) {
  if (!(low > 0) || !(high >= low) || high === Infinity) return [];
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const every = Math.max(1, Math.ceil((last - first) / count));
  const factors = last - first <= 2 ? [1, 2, 5] : [1];
  const found = [];
  for (let power = first; power <= last; power += every)
    for (const factor of factors) found.push(Number(`${factor}e${power}`));
  return found.filter((tick) => tick >= low * (1 - 1e-12) && tick <= high * (1 + 1e-12));
}

/**
 * Return a short text of a number, with at most four significant digits.
 * @param {number} value
 */
export function tickText(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-3) return shortPower(value.toExponential(2));
  return String(Number(value.toPrecision(4)));
}

/**
 * Return a number in powers of ten without zeros at its end: `1.50e-4` becomes `1.5e-4`.
 * @param {string} text
 */
function shortPower(text) {
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

/** Return a range with few digits. @param {number} low @param {number} high @returns {[number, number]} */
export function roundedRange(low, high) {
  const digits = Math.max(0, Math.min(12, 3 - Math.floor(Math.log10(high - low))));
  return [Number(low.toFixed(digits)), Number(high.toFixed(digits))];
}
