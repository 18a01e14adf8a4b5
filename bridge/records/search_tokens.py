"""Splits a filter into tokens. For every valid filter, the tokens are those that MLflow's SQL tokenizer finds.

Source: MLflow 3.17.2 with sqlparse 0.6. The regular expressions that decide whether a filter is valid are copies of
those in sqlparse.
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
# A key may start with a letter. It may start with a digit and a letter, if they do not start a number such as 1e5.
# It may also start with @, # or ##, if a letter and another word character follow.
KEY_WORD = rf"(?!{RESERVED})(?:[^\W\d]\w*|(?!\dE-?\d|0x[\dA-F])\d(?={LETTER})\w*|(?:@|[#][#]?)[A-ZÀ-Ü]\w+)"
# A key may itself start or end with a dot, as in `metrics..loss`. So the text after a dot may be empty.
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
    """A token of a filter, from the offset `start` to `end`. `items` are the tokens in the parentheses of a list."""

    kind: Kind
    text: str
    start: int
    end: int
    items: tuple[Token, ...] = ()

    def is_keyword(self, word: str) -> bool:
        """Return whether the token is a keyword, in upper or lower case.

        Args:
            word: the keyword in upper case.
        """
        return self.kind == "keyword" and self.text.upper() == word


def tokens_of(text: str) -> list[Token]:
    """Return the tokens of a filter, without white space.

    A pair of parentheses with its content is one token, and an arithmetic expression such as `a - b` is one token.
    """
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
            yield Token(kind, match[0], *match.span())  # type: ignore[arg-type]  # the name of a group is a `Kind`


def _with_operations(text: str, tokens: list[Token]) -> list[Token]:
    """Join the tokens of each arithmetic expression into one token.

    An error message can then name all of `metrics.dash-key`, which consists of a name, a minus and another name.
    """
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
