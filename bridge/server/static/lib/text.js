/** Texts from users: their form in addresses, and their order. */

/** Return a text in which every lone surrogate is replaced, so that it can be encoded. @param {string} text */
export const wellFormed = (text) => text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");

const READABLE = /%(?:2F|3A|2C|3B|40|24|3D|3F)/g;

/** Encode a value for the part of an address behind `?`, as readable as possible. @param {string} text */
export const printAddress = (text) =>
  encodeURIComponent(wellFormed(text)).replace(READABLE, decodeURIComponent).replace(/'/g, "%27");

/**
 * Encode a path for an address: each part by itself, so that `/` stays a separator.
 *
 * @param {string} path
 */
export const printPath = (path) => path.split("/").map((part) => encodeURIComponent(wellFormed(part))).join("/");

/** Compare two texts by code point, as the store does. @param {string} one @param {string} two */
export function compareCodePoints(one, two) {
  const length = Math.min(one.length, two.length);
  for (let at = 0; at < length; at += 1) {
    let [left, right] = [one.charCodeAt(at), two.charCodeAt(at)];
    if (left === right) continue;
    // A surrogate stands for a code point beyond U+FFFF, so it comes after U+E000 to U+FFFF.
    if (left >= 0xd800 && right >= 0xd800) {
      left = left >= 0xe000 ? left - 0x800 : left + 0x2000;
      right = right >= 0xe000 ? right - 0x800 : right + 0x2000;
    }
    return left - right;
  }
  return one.length - two.length;
}
