/** Frames: a JSON head and typed columns, which are read without a copy. */

/**
 * A column. No answer to the page contains a column of int64, which would be a `BigInt64Array`.
 * @typedef {Float64Array | Int32Array | Uint32Array | Uint8Array} Column
 */
/** @typedef {{ name: string, at: number, n: number, t: "f8" | "i8" | "i4" | "u4" | "u1" | "b1", words?: (string | null)[] }} Field */
/** @typedef {{ columns: Field[], [name: string]: any }} Head */

/**
 * @typedef {object} Frame
 * @property {Head} head
 * @property {Record<string, Column>} columns The columns by name.
 * @property {Record<string, (string | null)[]>} words The distinct texts of the columns that contain codes of texts.
 */

const VERSION = 1;

const TYPES = {
  f8: Float64Array,
  i8: BigInt64Array,
  i4: Int32Array,
  u4: Uint32Array,
  u1: Uint8Array,
  b1: Uint8Array,
};

/**
 * Return the columns of a frame as views of its bytes.
 *
 * @param {ArrayBuffer} buffer
 * @returns {Frame}
 * @throws {TypeError} The bytes are not a frame, or the frame is cut off or has a greater version.
 */
export function readFrame(buffer) {
  const size = buffer.byteLength < 4 ? -1 : new DataView(buffer).getUint32(0, true);
  if (size < 0 || size + 4 > buffer.byteLength) throw new TypeError("Cannot read a frame: its head is cut off.");
  /** @type {Head} */
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  if (head.version > VERSION) throw new TypeError(`Cannot read a frame of version ${head.version}: reload the page.`);
  /** @type {Frame} */
  const frame = { head, columns: Object.create(null), words: Object.create(null) };
  for (const { name, at, n, t, words } of head.columns) {
    const type = TYPES[t];
    if (!type) throw new TypeError(`Cannot read the column '${name}' of a frame: the type '${t}' does not exist.`);
    if (at + n * type.BYTES_PER_ELEMENT > buffer.byteLength)
      throw new TypeError(`Cannot read the column '${name}' of a frame: its bytes are cut off.`);
    frame.columns[name] = /** @type {Column} */ (/** @type {unknown} */ (new type(buffer, at, n)));
    if (words) frame.words[name] = words;
  }
  return frame;
}
