/** The colours of source code: comments, strings, numbers, keywords and names of the languages of ML projects. */

/** @typedef {"comment" | "string" | "number" | "keyword" | "name" | "removed"} Kind */
/** @typedef {[kind: Kind, pattern: string]} Rule of several rules that match at one place, the first one holds */

// No pattern may search far ahead at many places, because texts have up to 300,000 characters, sometimes in one line.
const END = "(?![^])";
const DOUBLE = `"(?:\\\\.|[^"\\\\\\n])*"?`;
const SINGLE = `'(?:\\\\.|[^'\\\\\\n])*'?`;
/** @type {Rule} */
const STRING = ["string", `${DOUBLE}|${SINGLE}`];
/** @type {Rule} */
const NUMBER = ["number", "\\b(?:0[xXbBoO][\\da-fA-F_]+|\\d[\\d_]*(?:\\.[\\d_]*)?(?:[eE][+-]?\\d+)?)[jn]?\\b"];
/** @type {Rule} */
const HASH = ["comment", "(?<![^\\s])#.*"];
/** @type {Rule} */
const BLOCK = ["comment", `/\\*[^]*?(?:\\*/|${END})`];
/** @type {Rule} */
const VARIABLE = ["name", "\\$(?:\\w+|\\{[^}\\n]{0,200}\\}|\\([\\w.]{1,80}\\)|[@#?$!*-])"];

/** @param {Kind} kind @param {string} list @returns {Rule} */
const words = (kind, list) => [kind, `\\b(?:${list.replaceAll(" ", "|")})\\b`];

/** @type {Rule[]} */
const SHELL = [
  HASH, ["string", `"(?:\\\\[^]|[^"\\\\])*"?|'[^']*'?`], VARIABLE,
  words("keyword", "if then else elif fi for in do done while until case esac function return exit local"),
  words("name", "echo cd export source set unset eval exec read test trap shift printf"), NUMBER,
]; // prettier-ignore

/** @type {Record<string, Rule[]>} */
const RULES = {
  python: [
    ["comment", "#.*"],
    ["string", `(?:\\b[rRbBuUfFtT]{1,2})?(?:"""(?:\\\\[^]|[^\\\\])*?(?:"""|${END})|'''(?:\\\\[^]|[^\\\\])*?(?:'''|${END})|${DOUBLE}|${SINGLE})`],
    ["name", "^[ \\t]*@[\\w.]+|(?<=\\b(?:def|class) {1,4})\\w+"],
    words("keyword", "and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try type while with yield"),
    words("number", "True False None NotImplemented Ellipsis"),
    ["name", "\\b(?:abs|all|any|bool|bytes|dict|enumerate|filter|float|getattr|hasattr|input|int|isinstance|iter|len|list|map|max|min|next|object|open|print|range|repr|reversed|round|set|setattr|sorted|str|sum|super|tuple|zip)\\b(?=\\()"],
    NUMBER,
  ],
  json: [["name", `"(?:\\\\.|[^"\\\\\\n])*"(?=\\s{0,9}:)`], STRING, words("number", "true false null NaN Infinity"), NUMBER],
  yaml: [
    HASH, ["name", `^[ \\t]*(?:- {1,4}){0,4}(?:"[^"\\n]*"|'[^'\\n]*'|[\\w./$-][\\w ./$-]{0,200})(?=:(?:\\s|$))|(?<![^\\s])[&*!][\\w.-]+|^---`], STRING,
    words("number", "true false null yes no on off True False"), NUMBER,
  ],
  ini: [
    ["comment", "(?<![^\\s])[#;].*"], ["keyword", "^[ \\t]*\\[.*\\]"], ["name", `^[ \\t]*[\\w."'-]+(?=[ \\t]*[=:])`],
    ["string", `"""[^]*?(?:"""|${END})|${STRING[1]}`], words("number", "true false"), NUMBER,
  ],
  bash: SHELL,
  makefile: [["keyword", "^[\\w./%$() -]+(?=:)"], ...SHELL],
  dockerfile: [
    HASH, ["keyword", "^[ \\t]*(?:FROM|RUN|COPY|ADD|ENV|ARG|CMD|ENTRYPOINT|WORKDIR|USER|EXPOSE|VOLUME|LABEL|SHELL|HEALTHCHECK|ONBUILD|STOPSIGNAL)\\b"],
    STRING, VARIABLE, NUMBER,
  ],
  markdown: [
    ["keyword", "^#{1,6} .*"], ["string", `^\`\`\`[^]*?(?:^\`\`\`|${END})|\`[^\`\\n]+\``], ["comment", "^>.*"],
    ["name", "!?\\[[^\\]\\n]{0,300}\\]\\([^)\\n]{0,300}\\)|^[ \\t]*(?:[*+-]|\\d+\\.) "],
  ],
  diff: [["comment", "^(?:diff|index|---|\\+\\+\\+) .*"], ["name", "^@@.*"], ["string", "^\\+.*"], ["removed", "^-.*"]],
  javascript: [
    ["comment", "//.*"], BLOCK, ["string", `\`(?:\\\\[^]|[^\`\\\\])*\`?|${STRING[1]}`],
    ["name", "(?<=\\b(?:function|class) {1,4})[\\w$]+"],
    words("keyword", "async await break case catch class const continue default delete do else export extends finally for from function if import in instanceof let new of return static super switch this throw try typeof var void while yield"),
    words("number", "true false null undefined NaN Infinity"), NUMBER,
  ],
  css: [
    BLOCK, STRING, ["keyword", "@[\\w-]+|![\\w-]+"], ["name", "(?<![\\w-])[\\w-]+(?=[ \\t]*:[ \\t])"],
    ["number", "#[\\da-fA-F]{3,8}\\b|(?<![\\w-])-?\\d*\\.?\\d+(?:[a-z]+\\b|%)?"],
  ],
  xml: [
    ["comment", `<!--[^]*?(?:-->|${END})`], ["keyword", "</?[\\w:.-]+|/?>|<[!?][\\w-]+"], ["name", "(?<![\\w:.-])[\\w:.-]+(?==[\"'])"],
    ["string", `(?<==)(?:"[^"]*"?|'[^']*'?)`], ["number", "&#?\\w{1,40};"],
  ],
  sql: [
    ["comment", "--.*"], BLOCK, STRING,
    ["keyword", `(?<![\\w])(?:${"select from where and or not in is as on join left right inner outer full cross group order by having limit offset union all distinct insert into values update set delete create table view index drop alter add column primary key foreign references default unique case when then else end between like exists with asc desc"
      .split(" ").map((word) => word.replace(/./g, (letter) => `[${letter}${letter.toUpperCase()}]`)).join("|")})(?![\\w])`],
    ["number", "\\b(?:NULL|null|TRUE|true|FALSE|false)\\b"], NUMBER,
  ],
}; // prettier-ignore

/** @type {Record<string, string>} */
const ENDINGS = {
  py: "python", pyi: "python", ipynb: "json", json: "json", jsonl: "json", yaml: "yaml", yml: "yaml", toml: "ini", ini: "ini",
  cfg: "ini", sh: "bash", bash: "bash", md: "markdown", diff: "diff", patch: "diff", js: "javascript", mjs: "javascript",
  css: "css", html: "xml", xml: "xml", svg: "xml", sql: "sql", dockerfile: "dockerfile", makefile: "makefile",
}; // prettier-ignore

/** Return the language of a file by its name; empty without one. @param {string} path */
export function languageOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  return ENDINGS[name.slice(name.lastIndexOf(".") + 1)] ?? "";
}

/**
 * Return the pieces of a text in order. Together they are the text. A piece without a colour has no kind.
 * @param {string} text
 * @param {string} language
 * @returns {[kind: Kind | "", piece: string][]}
 */
export function coloured(text, language) {
  const rules = RULES[language] ?? [];
  /** @type {[Kind | "", string][]} */
  const pieces = [];
  let end = 0;
  for (const found of rules.length ? text.matchAll(new RegExp(rules.map(([, pattern]) => `(${pattern})`).join("|"), "gm")) : []) {
    if (!found[0]) continue;
    if (found.index > end) pieces.push(["", text.slice(end, found.index)]);
    pieces.push([rules[found.slice(1).findIndex((group) => group !== undefined)][0], found[0]]);
    end = found.index + found[0].length;
  }
  if (end < text.length) pieces.push(["", text.slice(end)]);
  return pieces;
}
