"""Asks a person before something is changed."""

from __future__ import annotations

import sys

from bridge.cli.texts import escaped
from bridge.errors import BridgeError, NotAllowed


def ask(action: str, what: str, hint: str = "", yes: bool = False) -> None:
    """Ask whether something may be done, and return if the answer is yes.

    Args:
        action: the action, such as "delete".
        what: the objects, such as "2 runs".
        hint: a sentence before the question.
        yes: the answer was given with `--yes`.

    Raises:
        NotAllowed: the command does not run in a terminal, so it cannot ask.
        BridgeError: the answer is no.
    """
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise NotAllowed(action, what, "the command asks first, but it does not run in a terminal; add --yes")
    if hint:
        print(escaped(hint), file=sys.stderr)
    print(escaped(f"{action.capitalize()} {what}? [y/N] "), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise BridgeError("Nothing was changed, because the answer was no.")
