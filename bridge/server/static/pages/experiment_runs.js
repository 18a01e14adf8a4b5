/** The runs of an experiment as typed columns, which the table sorts, groups and shows. */

/**
 * @typedef {{ kind: "number", values: Float64Array, present: Uint8Array | null }} NumberColumn
 * @typedef {{ kind: "text", codes: Uint32Array, words: (string | null)[] }} TextColumn
 * @typedef {NumberColumn | TextColumn} RunColumn
 * @typedef {import("../data/table.js").Table} Loaded
 */

/** Runs by their row. A row keeps its place for as long as the page is open; `order` says what is shown. */
export class Runs {
  constructor() {
    /** @type {string[]} */
    this.ids = [];
    /** @type {number[]} */
    this.numbers = [];
    /** @type {Map<string, number>} */
    this.rowById = new Map();
    /** @type {Map<number, number>} */
    this.rowByNumber = new Map();
    /** @type {Map<string, RunColumn>} */
    this.columns = new Map();
    /** @type {Set<number>} rows of runs that were archived or deleted since they were read */
    this.gone = new Set();
    /** Changes if a value has changed, but not if an answer has the values that are there already. */
    this.version = 0;
  }

  get count() {
    return this.ids.length;
  }

  /** The rows that still exist. */
  get rows() {
    const rows = new Uint32Array(this.count - this.gone.size);
    let at = 0;
    for (let row = 0; row < this.count; row++) if (!this.gone.has(row)) rows[at++] = row;
    return rows;
  }

  /**
   * Take the rows of an answer, which may be known already. Return the rows that are new.
   * @param {Loaded} loaded
   * @returns {number[]}
   */
  take({ ids, numbers, columns }) {
    const rows = new Uint32Array(ids.length);
    /** @type {number[]} */
    const created = [];
    let changed = false;
    for (let at = 0; at < rows.length; at++) {
      // Most answers have all runs, in the same order.
      let row = this.ids[at] === ids[at] ? at : this.rowById.get(ids[at]);
      if (row === undefined) {
        row = this.ids.length;
        this.ids.push(ids[at]);
        this.numbers.push(numbers[at]);
        this.rowById.set(ids[at], row);
        this.rowByNumber.set(numbers[at], row);
        created.push(row);
      }
      changed = this.gone.delete(row) || changed;
      rows[at] = row;
    }
    for (const column of this.columns.values()) grow(column, this.count);
    for (const column of Object.values(columns)) changed = this.takeColumn(column, rows) || changed;
    if (changed || created.length) this.version++;
    return created;
  }

  /**
   * Take the values of a column. Return whether any is another than before.
   * @param {import("../data/table.js").TableColumn} source
   * @param {Uint32Array} rows
   */
  takeColumn({ name, kind, values, words, present }, rows) {
    let column = this.columns.get(name);
    const isNew = !column || column.kind !== kind;
    if (!column || column.kind !== kind) {
      column = kind === "text"
        ? { kind: "text", codes: new Uint32Array(this.count), words: [null] }
        : { kind: "number", values: new Float64Array(this.count).fill(NaN), present: null };
      this.columns.set(name, column);
    }
    if (column.kind === "text") {
      const { codes, words: known } = column;
      const codeOf = coder(known);
      /** @type {number[]} */
      const translated = [];
      const code = (/** @type {number} */ word) => (translated[word] ??= codeOf((words || [])[word]));
      // Most values are as before, so that their words need no search.
      return put(codes, rows, (at) => (known[codes[rows[at]]] === (words || [])[values[at]] ? codes[rows[at]] : code(values[at]))) || isNew;
    }
    const changed = put(column.values, rows, (at) => values[at]) || isNew;
    if (!present && !column.present) return changed;
    column.present = column.present || new Uint8Array(column.values.length);
    return put(column.present, rows, (at) => (present ? present[at] : 0)) || changed;
  }

  /**
   * Return the number of a run in a column; NaN without one.
   * @param {string} name
   * @param {number} row
   */
  number(name, row) {
    const column = this.columns.get(name);
    return column && column.kind === "number" ? column.values[row] : NaN;
  }

  /**
   * Whether NaN is a value that the run logged.
   * @param {string} name
   * @param {number} row
   */
  isNan(name, row) {
    const column = this.columns.get(name);
    return Boolean(column && column.kind === "number" && column.present && column.present[row] && Number.isNaN(column.values[row]));
  }

  /**
   * Return the text of a run in a column; null without one.
   * @param {string} name
   * @param {number} row
   */
  text(name, row) {
    const column = this.columns.get(name);
    return column && column.kind === "text" ? column.words[column.codes[row]] : null;
  }

  /**
   * Forget runs.
   * @param {Iterable<string>} ids
   */
  remove(ids) {
    const before = this.gone.size;
    for (const id of ids) {
      const row = this.rowById.get(id);
      if (row !== undefined) this.gone.add(row);
    }
    if (this.gone.size > before) this.version++;
  }

  /**
   * Return the columns whose values differ among rows.
   * @param {Uint32Array | number[]} rows
   * @param {string[]} names
   */
  differing(rows, names) {
    return names.filter((name) => {
      const column = this.columns.get(name);
      if (!column || !rows.length) return true;
      const first = rows[0];
      for (const row of rows) {
        if (column.kind === "text" ? column.codes[row] !== column.codes[first] : !Object.is(column.values[row], column.values[first])) {
          return true;
        }
      }
      return false;
    });
  }
}

/**
 * Return a function that returns the code of a word, and adds the word if it is new.
 * @param {(string | null)[]} words the words by code
 * @returns {(word: string | null) => number}
 */
function coder(words) {
  /** @type {Map<string | null, number> | null} */
  let codes = null;
  return (word) => {
    codes = codes || new Map(words.map((known, code) => [known, code]));
    const code = codes.get(word) ?? words.push(word) - 1;
    codes.set(word, code);
    return code;
  };
}

/**
 * Store the values of rows. Return whether any is another than before.
 * @param {Float64Array | Uint32Array | Uint8Array} values
 * @param {Uint32Array} rows
 * @param {(at: number) => number} valueAt
 */
function put(values, rows, valueAt) {
  let changed = false;
  for (let at = 0; at < rows.length; at++) {
    const [row, value] = [rows[at], valueAt(at)];
    if (Object.is(values[row], value)) continue;
    values[row] = value;
    changed = true;
  }
  return changed;
}

/**
 * Make room for more rows in a column.
 * @param {RunColumn} column
 * @param {number} count
 */
function grow(column, count) {
  if (column.kind === "text") {
    if (column.codes.length >= count) return;
    const codes = new Uint32Array(count + (count >> 3));
    codes.set(column.codes);
    column.codes = codes;
    return;
  }
  if (column.values.length >= count) return;
  const values = new Float64Array(count + (count >> 3)).fill(NaN);
  values.set(column.values);
  column.values = values;
  if (column.present) {
    const present = new Uint8Array(values.length);
    present.set(column.present);
    column.present = present;
  }
}
