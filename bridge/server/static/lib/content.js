/** What a file contains, by its name and its first bytes. Pure functions. */

/** @type {Record<string, string>} */
const KINDS = {
  png: "image", jpg: "image", jpeg: "image", gif: "image", webp: "image", bmp: "image", svg: "image", avif: "image", ico: "image",
  wav: "audio", mp3: "audio", ogg: "audio", flac: "audio", m4a: "audio", opus: "audio",
  mp4: "video", webm: "video", mov: "video", mkv: "video", ogv: "video",
  pdf: "pdf", html: "html", htm: "html", md: "markdown", markdown: "markdown", csv: "csv", tsv: "csv", json: "json", ipynb: "json", geojson: "json",
  npy: "binary", npz: "binary", pt: "binary", pth: "binary", ckpt: "binary", pkl: "binary", zip: "binary", gz: "binary", parquet: "binary",
  tif: "binary", tiff: "binary",
}; // prettier-ignore

/** The kind of a file by its name: image, audio, video, pdf, html, markdown, csv, json, binary or text. @param {string} path */
export function kindOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  const dot = name.lastIndexOf(".");
  return (dot >= 0 && KINDS[name.slice(dot + 1)]) || "text";
}

/** Whether bytes are text: no NUL, and few other control characters, in the first 4096. @param {Uint8Array} bytes */
export function isText(bytes) {
  const head = bytes.subarray(0, 4096);
  let odd = 0;
  for (const byte of head) {
    if (byte === 0) return false;
    if (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 && byte !== 27 && byte !== 12) odd++;
  }
  return odd <= head.length / 50;
}

/** Lines of a hex view: place, sixteen bytes, and their characters. @param {Uint8Array} bytes */
export function hexLines(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(
      `${at.toString(16).padStart(8, "0")}  ${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ").padEnd(23)}  ${text}`,
    );
  }
  return lines.join("\n");
}

/**
 * The cells of a CSV text (RFC 4180), at most `most` rows.
 * @param {string} text
 * @param {string} separator
 * @param {number} most
 */
export function csvRows(text, separator, most) {
  const found = [];
  let row = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length && found.length < most; at++) {
    const sign = text[at];
    if (quoted) {
      if (sign === '"' && text[at + 1] === '"') cell += text[++at];
      else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === separator) (row.push(cell), (cell = ""));
    else if (sign === "\n") {
      row.push(cell.endsWith("\r") ? cell.slice(0, -1) : cell);
      if (row.length > 1 || row[0] !== "") found.push(row);
      row = [];
      cell = "";
    } else cell += sign;
  }
  if (found.length < most && (cell !== "" || row.length)) found.push([...row, cell]);
  return found;
}

const NUMBER = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;

/**
 * The columns of a CSV text with a line of names; null if it is not one. Columns of numbers become numbers.
 * @param {string} text
 * @param {string} separator
 * @param {boolean} cut whether the text ends in the middle of a line
 * @returns {{ [column: string]: (string | number | null)[] } | null}
 */
export function csvColumns(text, separator, cut) {
  const rows = csvRows(text, separator, 10_001);
  if (cut && rows.length < 10_001) rows.pop();
  const [names, ...cells] = rows;
  if (!names || !cells.length) return null;
  /** @type {{ [column: string]: (string | number | null)[] }} */
  const columns = {};
  names.forEach((name, at) => {
    let own = name || `column ${at + 1}`;
    while (own in columns) own += "′";
    const values = cells.map((row) => row[at] ?? "");
    const numeric = values.some((value) => value !== "") && values.every((value) => value === "" || NUMBER.test(value));
    columns[own] = numeric ? values.map((value) => (value === "" ? null : Number(value))) : values;
  });
  return columns;
}
