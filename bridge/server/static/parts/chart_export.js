/** What a chart shows, as a picture or as a table that can be kept. */

import { exact, number } from "../lib/format.js";
import { linePath } from "./lines_draw.js";
import { inkOf } from "./theme.js";

/** @typedef {import("./lines_plot.js").LinePlot} LinePlot */
/** @typedef {import("./lines_data.js").Line} Line */

/**
 * Offer a text or a picture as a download.
 * @param {string} name
 * @param {Blob} blob
 */
export function save(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "-");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Save a chart as a picture of its pixels, with its title.
 * @param {string} name
 * @param {LinePlot} plot
 */
export function savePng(name, plot) {
  const source = plot.frame.canvas;
  const ratio = devicePixelRatio || 1;
  const head = 32 * ratio;
  const canvas = document.createElement("canvas");
  canvas.width = source.width;
  canvas.height = source.height + head;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const style = getComputedStyle(plot.parent);
  context.fillStyle = inkOf("--panel", plot.parent);
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = inkOf("--ink", plot.parent);
  context.font = `600 ${13 * ratio}px ${style.fontFamily}`;
  context.fillText(name, 12 * ratio, 20 * ratio);
  context.drawImage(source, 0, head);
  canvas.toBlob((blob) => blob && save(`${name}.png`, blob));
}

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/**
 * Return a chart as SVG, with its axes, its lines and their names.
 * @param {string} name
 * @param {LinePlot} plot
 */
export function svgOf(name, plot) {
  const { plane } = plot;
  const { ratio } = plane;
  const box = { left: plane.box.left / ratio, top: plane.box.top / ratio + 24, width: plane.box.width / ratio, height: plane.box.height / ratio };
  const colour = (/** @type {string} */ name) => inkOf(name, plot.parent);
  const legend = plot.lines.length;
  const width = plot.options.width;
  const height = plot.options.height + 24 + legend * 16 + 8;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="100%" height="100%" fill="${colour("--panel")}"/>`,
    `<text x="12" y="18" font-size="13" font-weight="600" fill="${colour("--ink")}">${escaped(name)}</text>`,
    `<clipPath id="plot"><rect x="${box.left}" y="${box.top}" width="${box.width}" height="${box.height}"/></clipPath>`,
  ];
  const ink = `fill="${colour("--soft")}"`;
  const [columns, rows] = plot.frame.ticks;
  for (const [value, text] of columns) {
    const x = plane.x(value) / ratio;
    parts.push(`<path d="M${x} ${box.top}v${box.height}" stroke="${colour("--grid")}"/>`);
    parts.push(`<text x="${x}" y="${box.top + box.height + 14}" text-anchor="middle" ${ink}>${escaped(text)}</text>`);
  }
  for (const [value, text] of rows) {
    const y = plane.y(value) / ratio + 24;
    parts.push(`<path d="M${box.left} ${y}h${box.width}" stroke="${colour("--grid")}"/>`);
    parts.push(`<text x="${box.left - 6}" y="${y + 4}" text-anchor="end" ${ink}>${escaped(text)}</text>`);
  }
  parts.push(`<g clip-path="url(#plot)" fill="none" stroke-width="1.5" stroke-linejoin="round">`);
  for (const line of plot.lines) {
    const recorded = new Recorder(ratio);
    linePath(line, plot.options.smoothed(line) || line.y, plane, recorded);
    const dash = line.dash.length ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
    parts.push(`<path d="${recorded.text}" stroke="${line.colour}"${dash}><title>${escaped(line.name)}</title></path>`);
  }
  parts.push("</g>");
  plot.lines.forEach((line, at) => {
    const y = plot.options.height + 24 + 14 + at * 16;
    parts.push(`<path d="M12 ${y - 4}h16" stroke="${line.colour}" stroke-width="2"/>`);
    parts.push(`<text x="34" y="${y}" fill="${colour("--ink")}">${escaped(line.name)}  ${number(line.latest)}</text>`);
  });
  return `${parts.join("\n")}\n</svg>\n`;
}

/** A path that is written as text. */
class Recorder {
  /** @param {number} ratio */
  constructor(ratio) {
    this.ratio = ratio;
    this.text = "";
  }

  /** @param {number} x @param {number} y */
  moveTo(x, y) {
    this.text += `M${(x / this.ratio).toFixed(1)} ${(y / this.ratio + 24).toFixed(1)}`;
  }

  /** @param {number} x @param {number} y */
  lineTo(x, y) {
    this.text += `L${(x / this.ratio).toFixed(1)} ${(y / this.ratio + 24).toFixed(1)}`;
  }
}

/** @param {string} text */
const field = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * Return the values that a chart shows as CSV: points, or the buckets with their extremes.
 * @param {Line[]} lines
 * @param {[number, number]} range
 * @param {string} axis
 */
export function csvOf(lines, range, axis) {
  const rows = [`run,run_id,${field(axis)},value,minimum,maximum,points`];
  for (const line of lines) {
    for (let at = 0; at < line.n; at++) {
      if (line.x[at] < range[0] || line.x[at] > range[1] || (line.count && !line.count[at])) continue;
      const low = line.low ? exact(line.low[at]) : exact(line.y[at]);
      const high = line.high ? exact(line.high[at]) : exact(line.y[at]);
      rows.push([field(line.name), line.id, exact(line.x[at]), exact(line.y[at]), low, high, line.count ? line.count[at] : 1].join(","));
    }
  }
  return `${rows.join("\n")}\n`;
}

/**
 * @param {string} name
 * @param {LinePlot} plot
 */
export const saveSvg = (name, plot) => save(`${name}.svg`, new Blob([svgOf(name, plot)], { type: "image/svg+xml" }));

/**
 * @param {string} name
 * @param {Line[]} lines
 * @param {[number, number]} range
 * @param {string} axis
 */
export const saveCsv = (name, lines, range, axis) => save(`${name}.csv`, new Blob([csvOf(lines, range, axis)], { type: "text/csv" }));
