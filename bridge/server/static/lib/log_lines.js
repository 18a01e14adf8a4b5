/** The lines of a part of a log. Pure functions over bytes. */

/**
 * @typedef {{ at: number, end: number, text: string, first: boolean, last: boolean }} Piece
 *   A row of the page: a line, or a part of a line that is longer than `LONGEST` bytes. `at` and `end` are its bytes in
 *   the file (`end` is exclusive and includes the line feed). `first` and `last` say whether the line begins and ends
 *   with this piece.
 */

/** The greatest number of bytes of a line that stand in one row. */
export const LONGEST = 4096;

const FEED = 10;
const decoder = new TextDecoder();
// Control characters except tab, escape and carriage return.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]+/g;

/** Whether a byte continues a character of UTF-8. @param {number} byte */
const continues = (byte) => (byte & 0xc0) === 0x80;

/**
 * The first place at or after `from` where a character of UTF-8 begins.
 * @param {Uint8Array} bytes
 * @param {number} from
 */
function characterAt(bytes, from) {
  let at = from;
  while (at < bytes.length && at < from + 4 && continues(bytes[at])) at++;
  return at;
}

/**
 * Cut bytes of a log into pieces.
 * @param {Uint8Array} bytes
 * @param {number} start the place of the first byte in the file
 * @param {boolean} begins whether a line begins at the first byte
 * @returns {Piece[]}
 */
export function pieces(bytes, start, begins) {
  /** @type {Piece[]} */
  const found = [];
  let at = 0;
  let first = begins;
  while (at < bytes.length) {
    const feed = bytes.indexOf(FEED, at);
    const line = feed < 0 ? bytes.length : feed + 1;
    let end = line;
    if (line - at > LONGEST) {
      end = at + LONGEST;
      while (end > at + 1 && continues(bytes[end])) end--;
    }
    const last = end === line && feed >= 0;
    found.push({
      at: start + at,
      end: start + end,
      text: shown(bytes.subarray(at, last ? end - 1 : end)),
      first,
      last,
    });
    first = last;
    at = end;
  }
  return found;
}

/**
 * The text of a line as a terminal shows it: a carriage return starts the line again, as progress bars do.
 * Texts with escape sequences keep what is before, because a colour may begin there.
 * @param {Uint8Array} bytes
 */
function shown(bytes) {
  const text = decoder.decode(bytes).replace(/\r+$/, "");
  if (text.includes("\u001b")) return text;
  return text.slice(text.lastIndexOf("\r") + 1).replace(CONTROL, "");
}

/**
 * Cut the beginning of a window that starts in the middle of the file, so that it starts with a line, or at least with
 * a character if no line starts in it.
 * @param {Uint8Array} bytes
 * @param {number} start the place of the first byte in the file
 * @returns {{ bytes: Uint8Array, start: number, begins: boolean }}
 */
export function aligned(bytes, start) {
  if (start === 0) return { bytes, start, begins: true };
  const feed = bytes.indexOf(FEED);
  if (feed >= 0 && feed < bytes.length - 1 && feed < bytes.length / 2) {
    return { bytes: bytes.subarray(feed + 1), start: start + feed + 1, begins: true };
  }
  const at = characterAt(bytes, 0);
  return { bytes: bytes.subarray(at), start: start + at, begins: false };
}

/**
 * The places in a text where a search finds something, without regard to case.
 * @param {string} text
 * @param {string} wanted
 * @returns {[number, number][]} pairs of start and end
 */
export function matches(text, wanted) {
  if (!wanted) return [];
  const low = text.toLowerCase();
  const sought = wanted.toLowerCase();
  if (low.length !== text.length) return [];
  /** @type {[number, number][]} */
  const found = [];
  for (let at = low.indexOf(sought); at >= 0 && found.length < 1000; at = low.indexOf(sought, at + sought.length)) {
    found.push([at, at + sought.length]);
  }
  return found;
}
