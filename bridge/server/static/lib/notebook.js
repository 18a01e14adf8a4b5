/** The cells of a Jupyter notebook. Pure functions. */

/**
 * @typedef {{ kind: "text" | "error", text: string } | { kind: "image", address: string }} Output
 * @typedef {{ kind: "markdown" | "code" | "raw", text: string, count: number | null, outputs: Output[] }} Cell
 * @typedef {{ language: string, cells: Cell[] }} Notebook
 */

const IMAGES = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/** A text, or a list of its lines. @param {unknown} value */
const joined = (value) => (Array.isArray(value) ? value.join("") : typeof value === "string" ? value : "");

// eslint-disable-next-line no-control-regex
const withoutColours = (/** @type {string} */ text) => text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");

/**
 * Return the cells of a notebook of format 4; null if the text is something else.
 * @param {string} text
 * @returns {Notebook | null}
 */
export function notebookOf(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(found?.cells) || !(found.nbformat >= 4)) return null;
  const language = found.metadata?.kernelspec?.language ?? found.metadata?.language_info?.name ?? "python";
  return { language: String(language), cells: found.cells.map(cellOf) };
}

/** @param {any} cell @returns {Cell} */
function cellOf(cell) {
  const kind = cell?.cell_type === "markdown" || cell?.cell_type === "raw" ? cell.cell_type : "code";
  const outputs = kind === "code" && Array.isArray(cell?.outputs) ? cell.outputs.flatMap(outputOf) : [];
  const count = Number.isInteger(cell?.execution_count) ? cell.execution_count : null;
  return { kind, text: joined(cell?.source), count, outputs };
}

/** What an output shows: its image if it has one, otherwise its text. @param {any} output @returns {Output[]} */
function outputOf(output) {
  if (output?.output_type === "stream") return textOutput("text", joined(output.text));
  if (output?.output_type === "error") return textOutput("error", (output.traceback ?? []).join("\n"));
  const data = output?.data ?? {};
  const type = IMAGES.find((one) => data[one]);
  const content = type ? joined(data[type]).replace(/\s/g, "") : "";
  if (type && /^[A-Za-z0-9+/]+=*$/.test(content)) return [{ kind: "image", address: `data:${type};base64,${content}` }];
  return textOutput("text", joined(data["text/plain"]));
}

/** @param {"text" | "error"} kind @param {string} text @returns {Output[]} */
const textOutput = (kind, text) => (text ? [{ kind, text: withoutColours(text) }] : []);
