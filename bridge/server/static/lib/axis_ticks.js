/** The places of ticks along an axis: round numbers, whole steps, durations, and times of the clock and the calendar. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MOST_TICKS = 1000;

/** Round durations in milliseconds. */
export const DURATIONS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE,
  2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 5 * HOUR, 10 * HOUR, DAY, 2 * DAY,
  7 * DAY, 31 * DAY, 365.25 * DAY,
];

/** Distances of ticks on a clock. */
const CLOCK = [...DURATIONS.filter((size) => size <= HOUR), 3 * HOUR, 6 * HOUR, 12 * HOUR];
/** Distances in months. */
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

const FORMS = {
  millisecond: new Intl.DateTimeFormat("en-GB", { minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 }),
  second: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  minute: new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" }),
  month: new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric" }),
};

/**
 * Return round numbers from `low` to `high` with at most `most` gaps between them.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} most
 * @param {{ sizes?: readonly number[], whole?: boolean }} options `sizes`: distances to choose from, else 1, 2, 2.5 or
 *   5 times a power of ten. `whole`: only whole numbers.
 */
export function spaced(low, high, most, { sizes = [], whole = false } = {}) {
  if (!Number.isFinite(high - low) || high < low) return [];
  if (high === low) return [low];
  const least = Math.max((high - low) / Math.max(1, most), whole ? 1 : 0);
  const power = Math.floor(Math.log10(least) + 1e-12);
  const round = [1, 2, 2.5, 5, 10].map((one) => Number(`${one}e${power}`)).filter((one) => !whole || Number.isInteger(one));
  const size = sizes.find((one) => one >= least) ?? round.find((one) => one >= least * (1 - 1e-12));
  if (!size) return [low, high];
  const digits = Math.min(100, Math.max(0, 1 - Math.floor(Math.log10(size))));
  const found = [];
  for (let at = Math.ceil(low / size - 1e-9); at * size <= high + size * 1e-9 && found.length < MOST_TICKS; at++)
    found.push(Number((at * size).toFixed(digits)) + 0);
  return found;
}

/**
 * Return times from `low` to `high`, in milliseconds since 1970, with at most `most` gaps, and their texts.
 *
 * They are round in the local time: whole minutes, hours, days, months or years.
 *
 * @param {number} low
 * @param {number} high
 * @param {number} most
 * @returns {[number, string][]}
 */
export function timeTicks(low, high, most) {
  if (!Number.isFinite(high - low) || high < low || Math.abs(low) > 8e15 || Math.abs(high) > 8e15) return [];
  const least = (high - low) / Math.max(1, most);
  const size = CLOCK.find((one) => one >= least);
  if (size) return clockTicks(low, high, size);
  const days = [1, 2, 7].find((one) => one * DAY >= least);
  const months = days ? 0 : (MONTHS.find((one) => one * 30 * DAY >= least) ?? Math.ceil(least / (30 * DAY)));
  /** @type {[number, string][]} */
  const found = [];
  const at = new Date(low);
  at.setHours(0, 0, 0, 0);
  if (months) at.setMonth(months < 12 ? at.getMonth() - (at.getMonth() % months) : 0, 1);
  if (months >= 12) at.setFullYear(at.getFullYear() - (at.getFullYear() % (months / 12)));
  while (+at <= high && found.length < MOST_TICKS) {
    const text = days ? FORMS.day : months < 12 ? FORMS.month : null;
    if (+at >= low) found.push([+at, text ? text.format(at) : String(at.getFullYear())]);
    if (days) at.setDate(at.getDate() + days);
    else at.setMonth(at.getMonth() + months);
  }
  return found;
}

/** @param {number} low @param {number} high @param {number} size @returns {[number, string][]} */
function clockTicks(low, high, size) {
  // Hours of the local time, whose distance to that of the data is a number of minutes.
  const shift = new Date(low).getTimezoneOffset() * MINUTE;
  const form = size < SECOND ? FORMS.millisecond : size < MINUTE ? FORMS.second : FORMS.minute;
  return spaced(low - shift, high - shift, Infinity, { sizes: [size] }).map((local) => {
    const at = local + shift;
    return [at, local % DAY === 0 && size >= MINUTE ? FORMS.day.format(at) : form.format(at)];
  });
}
