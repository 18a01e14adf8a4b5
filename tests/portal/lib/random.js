/** Random values that are the same in each run of the tests. */

/** A sequence of random numbers from 0 to 1. */
export class Chance {
  #state;

  /** @param {number} seed */
  constructor(seed) {
    this.#state = seed;
  }

  /** Return a number from 0 to 1. Source: "mulberry32" by Tommy Ettinger (public domain). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let value = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Return one of several values. @template T @param {readonly T[]} values @returns {T} */
  of(values) {
    return values[Math.floor(this.next() * values.length)];
  }

  /** Return a list with fewer than `most` values. @template T @param {number} most @param {() => T} make @returns {T[]} */
  list(most, make) {
    return Array.from({ length: Math.floor(this.next() * most) }, make);
  }
}
