/** The text of a tick of an axis. */

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
