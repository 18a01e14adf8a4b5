"""Sentences of Markdown documents and Python files, for checks of the language and for reading tests.

    python tests/docs/sentences.py --seed 7 --count 50 README.md docs/*.md

prints sentences that are drawn at random, each with its file and line.
"""

from __future__ import annotations

import argparse
import ast
import random
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

MESSAGE_WORDS = 3
"""A string with fewer words is a name or a format, not a message."""

END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(\[`*])")
ABBREVIATION = re.compile(r"(?:e\.g|i\.e|etc|vs)\.$")
LIST_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+")
RULE_OF_TABLE = re.compile(r"\|[\s:|-]+\|?$")
SECTION = re.compile(r"(Args|Attributes|Example|Examples|Raises|Returns|Source|Yields):\s*")
ENTRY = re.compile(r"\*{0,2}\w+(?:, \*{0,2}\w+)*: ")
PRAGMA = re.compile(r"#\s*(?:!|noqa|type:|fmt:|pragma|mypy:)")
# Python's tokenizer finds the same comments, and takes ten times as long.
STRING_OR_COMMENT = re.compile(
    r"""("{3}|'{3})(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?P<comment>\#[^\n]*)""", re.DOTALL
)


class Sentence(NamedTuple):
    """A sentence with the line on which its paragraph begins; a row of a table is one sentence."""

    line: int
    kind: str
    text: str


def sentences_of(path: Path) -> list[Sentence]:
    """Return the sentences of a Markdown or Python file, in the order of their lines."""
    text = path.read_text(encoding="utf-8")
    found = _of_python(text) if path.suffix == ".py" else _of_markdown(text)
    return sorted(found, key=lambda sentence: sentence.line)


def split(text: str) -> list[str]:
    """Split a paragraph into sentences."""
    found: list[str] = []
    for part in END_OF_SENTENCE.split(" ".join(text.split())):
        if found and ABBREVIATION.search(found[-1]):
            found[-1] += " " + part
        elif part:
            found.append(part)
    return found


def _of_markdown(text: str) -> Iterator[Sentence]:
    paragraph: list[str] = []
    begin = 0
    in_code = in_comment = False
    lines = [*text.splitlines(), ""]
    for number, line in enumerate(lines, 1):
        is_fence = line.lstrip().startswith("```")
        is_text = not (in_code or in_comment or is_fence or line.startswith(("#", "|", "<!--")))
        if paragraph and (not is_text or not line.strip() or LIST_ITEM.match(line)):
            yield from (Sentence(begin, "text", sentence) for sentence in split(" ".join(paragraph)))
            paragraph = []
        in_comment = (in_comment or line.startswith("<!--")) and "-->" not in line
        in_code ^= is_fence
        if is_text and line.strip():
            begin = begin if paragraph else number
            paragraph.append(LIST_ITEM.sub("", line) if not paragraph else line)
        elif line.startswith("|") and not in_code and not RULE_OF_TABLE.match(line):
            if not RULE_OF_TABLE.match(lines[number]):  # else it is the header
                yield Sentence(number, "table", line.strip("| "))


def _of_python(text: str) -> Iterator[Sentence]:
    yield from _comments(text)
    nodes = list(ast.walk(ast.parse(text)))
    documentation: set[int] = set()
    for node in nodes:
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and (found := _text_of(statement.value)) is not None:
                documentation.add(id(statement.value))
                yield from _docstring(statement.lineno, found)
    parts = (id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node))
    no_messages = documentation.union(parts)
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield from _message(node.lineno, "".join(_text_of(part) or "{…}" for part in node.values))
        elif isinstance(node, ast.Constant) and id(node) not in no_messages:
            yield from _message(node.lineno, _text_of(node) or "")


def _text_of(node: ast.AST) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _message(line: int, text: str) -> Iterator[Sentence]:
    if len(re.findall(r"[A-Za-z]{2,}", text)) >= MESSAGE_WORDS and "\n" not in text.strip():
        yield Sentence(line, "message", text)


def _docstring(begin: int, documentation: str) -> Iterator[Sentence]:
    """Yield the sentences of a docstring, without examples and headings; an entry of a section begins a new one."""
    paragraph: list[str] = []
    in_example = False
    for line in [*(text.strip() for text in documentation.splitlines()), ""]:
        heading = SECTION.match(line)
        if paragraph and (not line or heading or ENTRY.match(line)):
            yield from (Sentence(begin, "docstring", sentence) for sentence in split(" ".join(paragraph)))
            paragraph = []
        if heading:
            in_example = heading[1].startswith("Example")
            line = line[heading.end() :]
        if line and not in_example and not line.startswith(("|", ">>>")):
            paragraph.append(line)


def _comments(text: str) -> Iterator[Sentence]:
    """Yield the sentences of comments; lines that follow each other are one comment."""
    block: list[str] = []
    begin = last = 0
    number, counted = 1, 0
    for found in STRING_OR_COMMENT.finditer(text):
        comment = found["comment"]
        if comment is None or PRAGMA.match(comment):
            continue
        number, counted = number + text.count("\n", counted, found.start()), found.start()
        is_whole_line = not text[text.rfind("\n", 0, counted) + 1 : counted].strip()
        if block and (number != last + 1 or not is_whole_line):
            yield from (Sentence(begin, "comment", sentence) for sentence in split(" ".join(block)))
            block = []
        begin, last = (begin if block else number), number
        block.append(comment.lstrip("# "))
    yield from (Sentence(begin, "comment", sentence) for sentence in split(" ".join(block)))


def draw(paths: Iterable[Path], seed: int, count: int) -> list[tuple[Path, Sentence]]:
    """Return sentences that are drawn from files without repetition; the same for the same files and seed."""
    every = [(path, sentence) for path in sorted(paths) for sentence in sentences_of(path)]
    return random.Random(seed).sample(every, min(count, len(every)))


def main() -> int:
    parser = argparse.ArgumentParser(description="Print sentences that are drawn at random.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("files", nargs="+", type=Path)
    given = parser.parse_args()
    for path, sentence in draw(given.files, given.seed, given.count):
        print(f"{path}:{sentence.line}: {sentence.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
