/** Numbers, durations, sizes and times as people read them. */

/** @param {string} digits */
const grouped = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");

/** Return a whole number with separators of thousands: `10,000`. @param {number} count */
export const count = (count) => (count < 0 ? "-" : "") + grouped(String(Math.abs(Math.round(count))));

/**
 * Return a number with a few significant digits: `0.03124`, `3.1e-5`, `128`, `NaN`, `-∞`.
 *
 * Whole numbers below a million are exact.
 *
 * @param {number} x
 * @param {number} digits The number of significant digits.
 */
export function number(x, digits = 4) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "-∞";
  const size = Math.abs(x);
  if (size < 1e6 && Number.isInteger(x)) return Object.is(x, -0) ? "0" : String(x);
  if (size >= 1e6 || size < 1e-4) return x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  const text = x.toPrecision(digits);
  if (text.includes("e")) return String(Math.round(x));
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

/** Return a number with all digits that distinguish it from other numbers. @param {number} x */
export const exact = (x) => (Number.isFinite(x) ? String(x) : number(x));

/**
 * Return a signed difference in percent: `+12 %`, `-0.5 %`; the empty text if there is none.
 *
 * @param {number} value
 * @param {number} base
 */
export function percent(value, base) {
  const ratio = ((value - base) / Math.abs(base)) * 100;
  return Number.isFinite(ratio) ? `${ratio >= 0 ? "+" : ""}${number(ratio, Math.abs(ratio) < 10 ? 2 : 3)} %` : "";
}

const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

/** @param {number} ms @param {number} big @param {number} small @param {string} one @param {string} two */
function two(ms, big, small, one, two) {
  const units = Math.floor(ms / small);
  const [whole, rest] = [Math.floor((units * small) / big), units % (big / small)];
  return rest ? `${whole} ${one} ${rest} ${two}` : `${whole} ${one}`;
}

/**
 * Return a duration: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. A negative duration is `?`.
 *
 * @param {number} ms
 */
export function duration(ms) {
  if (!(ms >= 0) || ms === Infinity) return "?";
  if (ms < 950) return ms < 1 ? "0 s" : ms < 100 ? `${Math.round(ms)} ms` : `${(ms / SECOND).toFixed(1)} s`;
  if (ms < 9_950) return `${number(Math.round(ms / 100) / 10)} s`;
  const seconds = Math.round(ms / SECOND) * SECOND;
  if (seconds < MINUTE) return `${seconds / SECOND} s`;
  if (seconds < HOUR) return two(seconds, MINUTE, SECOND, "min", "s");
  return seconds < DAY ? two(seconds, HOUR, MINUTE, "h", "min") : two(seconds, DAY, HOUR, "d", "h");
}

/**
 * Return how long ago a time was: `now`, `12 s`, `5 min`, `2 h`, `3 d`, and the date after a month.
 *
 * A time in the future is `now` within a minute, since clocks differ, and otherwise the time itself.
 *
 * @param {number} ms
 * @param {number} now
 */
export function ago(ms, now) {
  if (!Number.isFinite(ms)) return "";
  const past = now - ms;
  if (past < -MINUTE) return time(ms);
  if (past < 5 * SECOND) return "now";
  if (past < MINUTE) return `${Math.floor(past / SECOND)} s`;
  if (past < HOUR) return `${Math.floor(past / MINUTE)} min`;
  if (past < 2 * DAY) return `${Math.floor(past / HOUR)} h`;
  return past < 30 * DAY ? `${Math.floor(past / DAY)} d` : time(ms).slice(0, 10);
}

const SIZES = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Return a size with a decimal unit: `512 B`, `1.2 MB`. @param {number} size */
export function bytes(size) {
  if (!(size >= 0)) return "?";
  let [unit, value] = [0, size];
  while (value >= 999.5 && unit < SIZES.length - 1) [unit, value] = [unit + 1, value / 1000];
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(2))} ${SIZES[unit]}`;
}

/** @param {number} value @param {number} width */
const padded = (value, width = 2) => String(value).padStart(width, "0");

/**
 * Return a time in the reader's zone: `2026-11-26 16:11`, or with seconds.
 *
 * @param {number} ms
 * @param {{ seconds?: boolean }} options
 */
export function time(ms, { seconds = false } = {}) {
  const at = new Date(ms);
  if (Number.isNaN(at.getTime())) return "";
  const day = `${padded(at.getFullYear(), 4)}-${padded(at.getMonth() + 1)}-${padded(at.getDate())}`;
  return `${day} ${padded(at.getHours())}:${padded(at.getMinutes())}${seconds ? `:${padded(at.getSeconds())}` : ""}`;
}

/**
 * Return a noun with its number: `1 run`, `10,000 runs`.
 *
 * @param {number} number
 * @param {string} one
 * @param {string} many
 */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
