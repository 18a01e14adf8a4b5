/** The colours of source code. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { coloured, languageOf } from "../../../bridge/server/static/lib/languages.js";

/** Return the pieces with a colour, as `kind:text`. */
const colours = (text, language) => coloured(text, language).filter(([kind]) => kind).map((piece) => piece.join(":"));

test("the name of a file says its language", () => {
  const names = { "a/train.PY": "python", "x.ipynb": "json", Dockerfile: "dockerfile", "sub/Makefile": "makefile", "a.toml": "ini", "v1.0/model": "", "a.b/README": "" };
  for (const [path, language] of Object.entries(names)) assert.equal(languageOf(path), language, path);
});

test("Python has comments, strings of all forms, keywords, numbers and names", () => {
  const text = `@torch.no_grad()\nasync def f(x):  # 'no string'\n    """Doc "of" 'f' \\""" # no comment\n    """\n    return rb'a\\'b' + len(x) * 1_000.5e-3 if None else "open\n`;
  assert.deepEqual(colours(text, "python"), [
    "name:@torch.no_grad", "keyword:async", "keyword:def", "name:f", "comment:# 'no string'",
    `string:"""Doc "of" 'f' \\""" # no comment\n    """`, "keyword:return", "string:rb'a\\'b'", "name:len", "number:1_000.5e-3",
    "keyword:if", "number:None", "keyword:else", 'string:"open',
  ]); // prettier-ignore
  assert.deepEqual(colours("defined = format_of(islands, x1)", "python"), []);
});

test("files of settings have keys, values and comments", () => {
  assert.deepEqual(colours('{"a b": [1, -2.5, true], "c": "d: \\"e\\""}', "json"), ['name:"a b"', "number:1", "number:2.5", "number:true", 'name:"c"', 'string:"d: \\"e\\""']); // prettier-ignore
  assert.deepEqual(colours("# top\nmodel:\n  - lr: 0.1 # rate\n    url: http://a#b\n    on: 'x'", "yaml"), ["comment:# top", "name:model", "name:  - lr", "number:0.1", "comment:# rate", "name:    url", "name:    on", "string:'x'"]); // prettier-ignore
  assert.deepEqual(colours('[tool.x]\nname = "a" # b\nkind = true', "ini"), ["keyword:[tool.x]", "name:name", 'string:"a"', "comment:# b", "name:kind", "number:true"]); // prettier-ignore
});

test("scripts have variables and commands", () => {
  assert.deepEqual(colours("export A=${B:-1} # c\nif [ $# ]; then echo 'd # e'; fi", "bash"), ["name:export", "name:${B:-1}", "comment:# c", "keyword:if", "name:$#", "keyword:then", "name:echo", "string:'d # e'", "keyword:fi"]); // prettier-ignore
  assert.deepEqual(colours("FROM python:3.11\nRUN pip install $PKG", "dockerfile"), ["keyword:FROM", "number:3.11", "keyword:RUN", "name:$PKG"]);
  assert.deepEqual(colours("all: test # both\n\techo $(NAME)", "makefile"), ["keyword:all", "name:test", "comment:# both", "name:echo", "name:$(NAME)"]);
});

test("a difference has lines that were added and removed", () => {
  const text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same";
  assert.deepEqual(colours(text, "diff"), ["comment:diff --git a/x b/x", "comment:--- a/x", "comment:+++ b/x", "name:@@ -1 +1 @@", "removed:-old", "string:+new"]); // prettier-ignore
});

test("documents and pages have headings, tags and code", () => {
  assert.deepEqual(colours("# Title\n> quote\n- [a](b) and `c`\n```\n# no\n```\n", "markdown"), ["keyword:# Title", "comment:> quote", "name:- ", "name:[a](b)", "string:`c`", "string:```\n# no\n```"]); // prettier-ignore
  assert.deepEqual(colours('<!-- c --><a href="x">&lt; "no"</a>', "xml"), ["comment:<!-- c -->", "keyword:<a", "name:href", 'string:"x"', "keyword:>", "number:&lt;", "keyword:</a", "keyword:>"]); // prettier-ignore
  assert.deepEqual(colours(".a { color: #fff; /* b */ width: 2px }", "css"), ["name:color", "number:#fff", "comment:/* b */", "name:width", "number:2px"]);
  assert.deepEqual(colours("const f = `a${b}`; // d\nfunction g() { return null; }", "javascript"), ["keyword:const", "string:`a${b}`", "comment:// d", "keyword:function", "name:g", "keyword:return", "number:null"]); // prettier-ignore
  assert.deepEqual(colours("SELECT fromage from t -- c", "sql"), ["keyword:SELECT", "keyword:from", "comment:-- c"]);
});

const LANGUAGES = ["python", "json", "yaml", "ini", "bash", "makefile", "dockerfile", "markdown", "diff", "javascript", "css", "xml", "sql"];

test("the pieces together are the text, also of a language without rules", () => {
  const text = "a \"b 'c' # d\n<e f=\"g\">`h` ${i} -- 'j\n\r\n\u2028 = [k](l) /* m";
  for (const language of ["", "cobol", ...LANGUAGES]) {
    assert.equal(coloured(text, language).map(([, piece]) => piece).join(""), text, language);
    assert.deepEqual(coloured("", language), []);
  }
});

test("long lines of one kind of character take no more than half a second", () => {
  for (const language of LANGUAGES) {
    for (const part of ["a", " ", "\n", "\"", "'", "`", "[", "](", "${", "$(", "<!--", "/*", "1", "-", "a-", "\\", "&", "\"\"\"", "a b", "- ", ": "]) {
      const started = process.cpuUsage();
      coloured(part.repeat(100_000 / part.length), language);
      const { user, system } = process.cpuUsage(started);
      assert.ok(user + system < 500_000, `${language} ${JSON.stringify(part)}: ${(user + system) / 1000} ms`);
    }
  }
});
