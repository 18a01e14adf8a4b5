"""Tokens of a filter, as MLflow's SQL tokenizer finds them in the filters that are accepted.

Source: MLflow 3.17.2 with sqlparse 0.6. Its regular expressions are repeated here where they decide what is accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Kind = Literal["name", "text", "number", "operation", "comparator", "keyword", "list", "other"]
OPERANDS = ("name", "text", "number", "operation", "list")

TEXT = r"'(?:''|\\'|[^'])*'"
QUOTED = r'"(?:""|\\"|[^"])*"'
BACKTICKED = r"`(?:``|[^`])*`"
RESERVED = r"(?:CASE|IN|VALUES|USING|FROM|AS)\b"
LETTER = "[_A-ZÀ-Ü]"
# A key may begin with one digit, unless that is the start of a number, or with one of these marks and two letters.
KEY_WORD = rf"(?!{RESERVED})(?:[^\W\d]\w*|(?!\dE-?\d|0x[\dA-F])\d(?={LETTER})\w*|(?:@|[#][#]?)[A-ZÀ-Ü]\w+)"
# A dot may be followed by nothing, so that a key may begin or end with a dot.
NAME = rf"(?:{BACKTICKED}|{QUOTED}|\w+)(?:\.(?:{BACKTICKED}|{QUOTED}|{TEXT}|{KEY_WORD}|\*)?)*"

TOKEN = re.compile(
    rf"""
    (?P<space>\s+)
    | (?P<comment>(?:--|\#[ ])[^\r\n]*|/\*.*?\*/)
    | (?P<number>-?\d+(?:\.\d+)?E-?\d+
        | (?!{LETTER})-?(?:\d+\.\d*|\.\d+)(?!{LETTER})
        | (?!{LETTER})-?\d+(?!{LETTER}))
    | (?P<text>{TEXT})
    | (?P<comparator>(?:NOT\s+)?(?:I?LIKE|RLIKE|REGEXP)\b|[<>=~!]+)
    | (?P<keyword>(?:AND|IS|IN|NOT\s+NULL|NOT|NULL)\b)
    | (?P<name>{NAME})
    | (?P<other>[-+/*@#%^&|]+|.)
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
ORDER = re.compile(rf"(?:{NAME})(?:\s+(?:{NAME}))*", re.IGNORECASE | re.DOTALL)


class Token(NamedTuple):
    """A token of a filter, from the offset `start` to `end`; a list has the tokens in its parentheses as `items`."""

    kind: Kind
    text: str
    start: int
    end: int
    items: tuple[Token, ...] = ()

    def is_keyword(self, word: str) -> bool:
        """Return whether the token is this keyword, in any case."""
        return self.kind == "keyword" and self.text.upper() == word


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a filter without blanks; a pair of parentheses is one token, and so is arithmetic."""
    tokens: list[Token] = []
    opened: list[int] = []
    for token in _words(text):
        if token.text == "(":
            opened.append(len(tokens))
        if token.text == ")" and opened:
            first = opened.pop()
            start = tokens[first].start
            token = Token("list", text[start : token.end], start, token.end, tuple(tokens[first + 1 :]))
            del tokens[first:]
        tokens.append(token)
    return _with_operations(text, tokens)


def _words(text: str) -> Iterator[Token]:
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "comment":
            yield Token("other", match[0], *match.span())
        elif kind != "space":
            yield Token(kind, match[0], *match.span())  # type: ignore[arg-type]  # the groups are named by kinds


def _with_operations(text: str, tokens: list[Token]) -> list[Token]:
    """Return the tokens with arithmetic such as `a - b` joined, so that an error can name all of `metrics.dash-key`."""
    joined: list[Token] = []
    for token in tokens:
        if len(joined) > 1 and token.kind in OPERANDS and joined[-2].kind in OPERANDS and _is_operator(joined[-1]):
            start = joined[-2].start
            joined[-2:] = [Token("operation", text[start : token.end], start, token.end)]
        else:
            joined.append(token)
    return joined


def _is_operator(token: Token) -> bool:
    return token.kind == "other" and set(token.text) <= set("-+/*@#%^&|")
