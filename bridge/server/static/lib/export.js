/** Tables as files: CSV, JSON, Markdown and LaTeX. */

/**
 * A column of an exported table. A missing value is null.
 *
 * @typedef {object} ExportColumn
 * @property {string} label
 * @property {(row: number) => string | number | null} get
 */
/** @typedef {{ columns: ExportColumn[], rows: number }} ExportTable */
/** @typedef {"csv" | "spreadsheet" | "json" | "markdown" | "latex"} ExportFormat */

/** @type {Record<ExportFormat, { label: string, end: string, type: string }>} */
export const FORMATS = {
  csv: { label: "CSV", end: "csv", type: "text/csv" },
  spreadsheet: { label: "CSV for spreadsheets", end: "csv", type: "text/csv" },
  json: { label: "JSON", end: "json", type: "application/json" },
  markdown: { label: "Markdown", end: "md", type: "text/markdown" },
  latex: { label: "LaTeX", end: "tex", type: "text/x-tex" },
};

/**
 * Return a table as text.
 *
 * @param {ExportTable} table
 * @param {ExportFormat} format
 */
export function exported(table, format) {
  if (format === "json") return json(table);
  if (format === "markdown") return markdown(table);
  if (format === "latex") return latex(table);
  return csv(table, format === "spreadsheet");
}

/** @param {ExportTable} table @returns {(string | number | null)[][]} */
const cells = ({ columns, rows }) => Array.from({ length: rows }, (_, row) => columns.map((column) => column.get(row)));

/** Return a value as text. A number has all its digits. @param {string | number | null} value */
const plain = (value) => (value === null ? "" : String(value));

/**
 * Return CSV as RFC 4180 describes it, with a header.
 *
 * A spreadsheet takes a text that begins with `=`, `+`, `-` or `@` as a formula. With `isForSpreadsheets`, such a text
 * gets the prefix `'`, and the file begins with a mark by which spreadsheets recognise UTF-8.
 *
 * @param {ExportTable} table
 * @param {boolean} isForSpreadsheets
 */
function csv(table, isForSpreadsheets) {
  /** @param {string | number | null} value */
  const field = (value) => {
    let text = plain(value);
    if (isForSpreadsheets && typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [table.columns.map((column) => column.label), ...cells(table)].map((row) => row.map(field).join(","));
  return (isForSpreadsheets ? "\ufeff" : "") + lines.join("\r\n") + "\r\n";
}

/**
 * Return a list with an object for each row. Numbers that JSON lacks are the texts NaN, Infinity and -Infinity.
 *
 * @param {ExportTable} table
 */
function json(table) {
  const rows = cells(table).map((row) =>
    Object.fromEntries(
      row.map((value, at) => [
        table.columns[at].label,
        typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
      ]),
    ),
  );
  return JSON.stringify(rows, null, 1) + "\n";
}

/** @param {ExportTable} table */
function markdown(table) {
  /** @param {string | number | null} value */
  const cell = (value) => plain(value).replace(/[\\|<>`*_[\]]/g, "\\$&").replace(/\s+/g, " ");
  const line = (/** @type {string[]} */ row) => `| ${row.join(" | ")} |`;
  const body = cells(table);
  const rules = table.columns.map((_, at) => (isNumeric(body, at) ? "---:" : "---"));
  return [line(table.columns.map(({ label }) => cell(label))), line(rules), ...body.map((row) => line(row.map(cell)))].join("\n") + "\n";
}

/** @type {Record<string, string>} */
const LATEX = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}" };

/** @param {ExportTable} table */
function latex(table) {
  /** @param {string | number | null} value */
  const cell = (value) => plain(value).replace(/[\\~^&%$#_{}]/g, (mark) => LATEX[mark] ?? `\\${mark}`).replace(/\s+/g, " ");
  const body = cells(table);
  const kinds = table.columns.map((_, at) => (isNumeric(body, at) ? "r" : "l")).join("");
  const line = (/** @type {(string | number | null)[]} */ row) => `${row.map(cell).join(" & ")} \\\\`;
  return [`\\begin{tabular}{${kinds}}`, "\\hline", line(table.columns.map(({ label }) => label)), "\\hline", ...body.map(line), "\\hline", "\\end{tabular}"].join("\n") + "\n";
}

/** @param {(string | number | null)[][]} body @param {number} at */
const isNumeric = (body, at) => body.every((row) => row[at] === null || typeof row[at] === "number");
