/** The part of a log that the page holds: at most `MOST` rows around the place that is read. */

import { aligned, LONGEST, pieces } from "../lib/log_lines.js";

/** @typedef {import("../lib/log_lines.js").Piece} Piece */
/**
 * @typedef {{
 *   read: (from: number, to: number) => Promise<{ bytes: Uint8Array, size: number }>,
 *   tail: (length: number) => Promise<{ bytes: Uint8Array, size: number, from: number }>,
 *   lineOf: (place: number) => Promise<number | null>,
 *   placeOf: (line: number) => Promise<number | null>,
 *   find: (text: string, from: number) => Promise<Found>,
 * }} LogSource Places are bytes in the file. `lineOf` is the number of the line that begins at a place, from 1.
 * @typedef {{ count: number, at: number, next: number | null, before: number | null, more: boolean }} Found
 *   The number of places where a text stands, the number of those before `from`, and the places around it. `more` is
 *   true if there are more places than were counted.
 */

/** The bytes of a read, and the greatest number of rows. */
const CHUNK = 65536;
const MOST = 2000;

/** The rows that one read adds at most, so that those that are seen stay in the window. */
const ADDED = MOST / 2;

export class LogWindow {
  /** @param {LogSource} source */
  constructor(source) {
    this.source = source;
    /** @type {Piece[]} */
    this.pieces = [];
    this.size = 0;
    /** The number of the line of the first piece; null while it is not known. @type {number | null} */
    this.line = null;
    this.generation = 0;
    /** Whether the server is asked for the number of a line. */
    this.asking = false;
  }

  get from() {
    return this.pieces[0]?.at ?? 0;
  }

  get to() {
    return this.pieces[this.pieces.length - 1]?.end ?? 0;
  }

  /** Whether the window contains the end of the file as it was last seen. */
  get atEnd() {
    return this.to >= this.size;
  }

  /** Show the end of the file. */
  async openEnd() {
    const generation = ++this.generation;
    const { bytes, size, from } = await this.source.tail(CHUNK);
    if (generation === this.generation) this.#show(bytes, from, size, size);
  }

  /** Show the file around a place. @param {number} place */
  async openAt(place) {
    const generation = ++this.generation;
    const from = Math.max(0, Math.floor(place) - CHUNK / 4);
    const { bytes, size } = await this.source.read(from, from + CHUNK);
    if (generation === this.generation) this.#show(bytes, from, size, place);
  }

  /** Add the part before the window. Returns whether something was added. */
  async before() {
    const { from, generation } = this;
    if (from <= 0) return false;
    const start = Math.max(0, from - CHUNK);
    const { bytes } = await this.source.read(start, from);
    if (generation !== this.generation || from !== this.from) return false;
    const cut = aligned(bytes, start);
    const added = pieces(cut.bytes, cut.start, cut.begins).slice(-ADDED);
    if (this.line !== null) this.line -= feeds(added);
    this.pieces = [...added, ...this.pieces].slice(0, MOST);
    return added.length > 0;
  }

  /** Add the part after the window, and what the file has got since. Returns whether something was added. */
  async after() {
    const { generation } = this;
    const last = this.pieces[this.pieces.length - 1];
    const open = last && !last.last && last.end - last.at < LONGEST ? last : null;
    const known = this.to;
    const start = open ? open.at : known;
    const { bytes, size } = await this.source.read(start, start + CHUNK);
    if (generation !== this.generation || known !== this.to) return false;
    if (size < known) {
      await this.openEnd();
      return true;
    }
    this.size = size;
    if (start + bytes.length <= known) return false;
    const begins = open ? open.first : (last?.last ?? true);
    const added = this.#whole(pieces(bytes, start, begins), start + bytes.length).slice(0, ADDED);
    if (!added.length) return false;
    const kept = open ? this.pieces.slice(0, -1) : this.pieces;
    const dropped = Math.max(0, kept.length + added.length - MOST);
    if (this.line !== null) this.line += feeds([...kept, ...added].slice(0, dropped));
    this.pieces = [...kept, ...added].slice(dropped);
    return true;
  }

  /** Find the number of the first line if it is not known. Returns whether it is known now. @returns {Promise<boolean>} */
  async number() {
    const { generation, from } = this;
    if (this.line !== null) return true;
    if (this.asking) return false;
    this.asking = true;
    let line = null;
    try {
      // The server counts the lines of a large log in parts. It goes on with each request.
      while (line === null && generation === this.generation) line = await this.source.lineOf(from);
    } finally {
      this.asking = false;
    }
    if (generation !== this.generation || this.from !== from) return this.number();
    this.line = line;
    return true;
  }

  /**
   * Show bytes of the file: all rows, or those around a place.
   * @param {Uint8Array} bytes
   * @param {number} start
   * @param {number} size
   * @param {number} place
   */
  #show(bytes, start, size, place) {
    const cut = aligned(bytes, start);
    this.size = size;
    const found = this.#whole(pieces(cut.bytes, cut.start, cut.begins), start + bytes.length);
    const at = found.findIndex((piece) => piece.end > place);
    const first = Math.max(0, Math.min(at < 0 ? found.length : at - ADDED, found.length - MOST));
    this.pieces = found.slice(first, first + MOST);
    this.line = this.from === 0 ? 1 : null;
  }

  /** The pieces without a last one that the end of the read has cut. @param {Piece[]} found @param {number} end */
  #whole(found, end) {
    const last = found[found.length - 1];
    const cut = last && end < this.size && !last.last && last.end - last.at < LONGEST && found.length > 1;
    return cut ? found.slice(0, -1) : found;
  }
}

/** @param {Piece[]} found */
const feeds = (found) => found.reduce((sum, piece) => sum + (piece.last ? 1 : 0), 0);
