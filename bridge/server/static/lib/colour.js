/** Colours that stand for data: runs, sequential and diverging scales. */

// Ten hues that colour-blind people can distinguish. Where needed, they are darker or lighter than their originals, so
// that the contrast on the ground is at least 3:1.
const LIGHT = "#0072b2 #d55e00 #009e73 #c2739f #ba8100 #4794bf #6a3d9a #8c564b #139aa8 #7f7f7f".split(" ");
const DARK = "#2687be #db7626 #26ad88 #d48db4 #eaad26 #6fbfec #835eab #9d6f66 #3ac8d6 #929292".split(" ");
/** @type {readonly (readonly number[])[]} */
const DASHES = [[], [6, 3], [2, 3]];

const HUES = LIGHT.length;

/**
 * Return the colour and the dash pattern of a run, which never change.
 *
 * @param {number} number The number of the run in its experiment.
 * @param {boolean} dark Whether the ground is dark.
 * @returns {{ colour: string, dash: number[] }}
 */
export function runColour(number, dark) {
  const at = Math.max(0, Math.floor(number) || 0);
  return { colour: (dark ? DARK : LIGHT)[at % HUES], dash: [...DASHES[Math.floor(at / HUES) % DASHES.length]] };
}

// Polynomials for red, green and blue, whose values differ from matplotlib's table by less than 0.01.
// Source: Matt Zucker, "Viridis, magma, inferno, plasma colormaps" (CC0).
const VIRIDIS = [
  [0.2777273272, 0.1050930431, -0.3308618287, -4.6342304989, 6.2282699363, 4.7763849977, -5.4354558559],
  [0.0054073445, 1.4046135299, 0.2148475595, -5.7991009734, 14.1799333668, -13.7451453777, 4.6458526122],
  [0.3340998053, 1.3845901626, 0.0950951630, -19.3324409563, 56.6905526007, -65.3530326334, 26.3124352496],
]; // prettier-ignore

/** @param {number} t */
const clamp = (t) => Math.min(1, Math.max(0, t || 0));

/** @param {readonly number[]} parts Red, green and blue, from 0 to 1. */
const hex = (parts) => `#${parts.map((part) => Math.round(clamp(part) * 255).toString(16).padStart(2, "0")).join("")}`;

/** Return the colour of viridis at t, from 0 to 1. @param {number} t */
export function viridis(t) {
  const at = clamp(t);
  return hex(VIRIDIS.map((terms) => terms.reduceRight((sum, term) => sum * at + term, 0)));
}

const BLUE = [0.13, 0.4, 0.67];
const ORANGE = [0.84, 0.42, 0.05];

/**
 * Return a colour between blue at -1, grey at 0 and orange at 1.
 *
 * @param {number} t
 * @param {boolean} dark Whether the ground is dark.
 */
export function diverging(t, dark) {
  const middle = dark ? 0.2 : 0.94;
  const share = clamp(Math.abs(t));
  return hex((t < 0 ? BLUE : ORANGE).map((part) => middle + (part - middle) * share));
}

/**
 * The colours of `tokens.css` that canvases need, and two for data: `faint` for lines that are not chosen, and `missing`
 * for a point without a value.
 */
const NEUTRAL = {
  light: { ground: "#fbfbfc", panel: "#ffffff", ink: "#1b1f24", soft: "#5b6570", line: "#e3e6ea", faint: "#d5dae0", missing: "#7f8790" },
  dark: { ground: "#0f1317", panel: "#161b21", ink: "#e6eaee", soft: "#9aa5b1", line: "#2a313a", faint: "#3a434d", missing: "#8b949e" },
};

/** Return the colours that stand for nothing. @param {boolean} dark Whether the ground is dark. */
export const neutral = (dark) => NEUTRAL[dark ? "dark" : "light"];

/** @param {string} colour A colour like `#0072b2`. */
function luminance(colour) {
  const parts = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Return the contrast of two colours, from 1 to 21. Source: WCAG 2.2. @param {string} one @param {string} two */
export function contrast(one, two) {
  const [low, high] = [luminance(one), luminance(two)].sort((left, right) => left - right);
  return (high + 0.05) / (low + 0.05);
}

/** Return black or white, whichever is easier to read on a colour. @param {string} colour */
export const inkOn = (colour) => (contrast(colour, "#000000") >= contrast(colour, "#ffffff") ? "#000000" : "#ffffff");
