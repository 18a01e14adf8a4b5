/** Colours in logs: a line with ANSI escape sequences becomes pieces of text with classes. */

/** @typedef {{ text: string, classes: string, style?: Record<string, string> }} AnsiSpan */

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const STEPS = [0, 95, 135, 175, 215, 255];

// Control sequences end with a letter. Others, as those that set the title of a terminal, end with a bell or `ESC \`.
// eslint-disable-next-line no-control-regex
const ESCAPE = /\x1b(?:\[([0-9:;<=>?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~]?)/g;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;

/** The colours and marks that hold from one piece of text to the next. */
class Pen {
  /** @type {string} */
  fore = "";
  /** @type {string} */
  back = "";
  /** @type {Set<string>} */
  marks = new Set();

  /** Follow the numbers of one sequence. @param {number[]} codes */
  set(codes) {
    for (let at = 0; at < codes.length; at += 1) {
      const code = codes[at];
      if (code === 38 || code === 48) {
        const [colour, used] = extended(codes, at + 1);
        at += used;
        if (colour) this[code === 38 ? "fore" : "back"] = colour;
      } else this.setOne(code);
    }
  }

  /** @param {number} code */
  setOne(code) {
    if (code === 0) {
      this.fore = this.back = "";
      this.marks.clear();
    } else if (code >= 30 && code <= 37) this.fore = NAMES[code - 30];
    else if (code >= 90 && code <= 97) this.fore = NAMES[code - 90];
    else if (code >= 40 && code <= 47) this.back = NAMES[code - 40];
    else if (code >= 100 && code <= 107) this.back = NAMES[code - 100];
    else if (code === 39) this.fore = "";
    else if (code === 49) this.back = "";
    else if (code === 22) this.unmark("bold", "faint");
    else if (MARKS[code]) this.marks.add(MARKS[code]);
    else if (MARKS[code - 20]) this.unmark(MARKS[code - 20]);
  }

  /** @param {string[]} names */
  unmark(...names) {
    for (const name of names) this.marks.delete(name);
  }

  /** @param {string} text @returns {AnsiSpan} */
  span(text) {
    const inverse = this.marks.has("inverse");
    const [fore, back] = inverse ? [this.back, this.fore] : [this.fore, this.back];
    const classes = [...this.marks].map((mark) => `ansi-${mark}`);
    /** @type {Record<string, string>} */
    const style = {};
    if (fore.startsWith("#")) style.color = fore;
    else if (fore) classes.push(`ansi-${fore}`);
    if (back.startsWith("#")) style.backgroundColor = back;
    else if (back) classes.push(`ansi-on-${back}`);
    return { text, classes: classes.join(" "), ...(style.color || style.backgroundColor ? { style } : {}) };
  }
}

/** @type {Record<number, string>} */
const MARKS = { 1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse", 8: "hidden", 9: "strike" };

/** Return the colour that `5;n` or `2;r;g;b` means, and how many numbers it has. @param {number[]} codes @param {number} at @returns {[string, number]} */
function extended(codes, at) {
  if (codes[at] === 5) return [indexed(codes[at + 1]), 2];
  if (codes[at] === 2) return [hex(codes.slice(at + 1, at + 4)), 4];
  return ["", 0];
}

/** @param {number} index A colour of the 256 that terminals have. */
function indexed(index) {
  if (!(index >= 0 && index <= 255)) return "";
  if (index < 16) return NAMES[index % 8];
  if (index >= 232) return hex(Array(3).fill(8 + (index - 232) * 10));
  const cube = index - 16;
  return hex([STEPS[Math.floor(cube / 36)], STEPS[Math.floor(cube / 6) % 6], STEPS[cube % 6]]);
}

/** @param {number[]} parts */
const hex = (parts) =>
  parts.length === 3 && parts.every((part) => part >= 0 && part <= 255)
    ? `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`
    : "";

/**
 * Return the pieces of a line. Sequences that move the cursor and other control characters have no effect.
 *
 * A carriage return starts the line again, as progress bars do, so only the text after the last one is returned.
 *
 * @param {string} line
 * @returns {AnsiSpan[]}
 */
export function parseAnsi(line) {
  const pen = new Pen();
  /** @type {AnsiSpan[]} */
  const spans = [];
  const text = line.replace(/\r+$/, "");
  const start = text.lastIndexOf("\r") + 1;
  let end = 0;
  /** @param {number} from @param {number} to */
  const add = (from, to) => {
    const piece = text.slice(Math.max(from, start), to).replace(CONTROL, "");
    if (to > start && piece) spans.push(pen.span(piece));
  };
  for (const found of text.matchAll(ESCAPE)) {
    add(end, found.index);
    end = found.index + found[0].length;
    if (found[2] === "m") pen.set((found[1] || "0").split(/[:;]/).map(Number));
  }
  add(end, text.length);
  return spans;
}
