"""The rules for excluding files from a snapshot: names that are never source, and `.amlignore` or `.gitignore`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bridge.errors import NotAllowed
from bridge.journal.system import is_of_handler
from bridge.source.empty import WRITTEN_BY_RUNS

IGNORE_FILES = (".amlignore", ".gitignore")
"""The ignore files. Only the first one that exists in the root of a folder is used.

Source: Azure ML SDK v1, "Save and track snapshots": `.amlignore` replaces `.gitignore`.
"""

NEVER_SOURCE = frozenset(
    (
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".ipynb_checkpoints",
        "node_modules",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
        ".nox",
        ".tox",
    )
)
"""Folders that are excluded at any depth; also the file `.git`, which a submodule has."""


class IgnoreRules:
    """The rules of one ignore file. They decide by its path whether an entry is excluded.

    If the ignore file re-includes a name of the list above by name (`!outputs`, not `!*`), the entry is included.

    Args:
        file: the ignore file, or None.
        decided: earlier decisions with the same file, by path. The path of a folder ends with `/`.

    Attributes:
        decisions: the decisions so far, by path.
    """

    def __init__(self, file: Path | None, decided: dict[str, bool] | None = None) -> None:
        self._file = file
        self._decided = decided or {}
        self._patterns: list[tuple[bool, re.Pattern[str]]] | None = None
        self._named: set[str] = set()
        self.decisions: dict[str, bool] = {}

    def leave_out(self, path: str, is_folder: bool) -> bool:
        """Return whether an entry is excluded."""
        if self._file is None:
            return is_never_source(path, is_folder)
        name = path + "/" if is_folder else path
        decision = self._decided.get(name)
        if decision is None:
            said = self._said(name)
            named = path[path.rfind("/") + 1 :] in self._named
            decision = said or (is_never_source(path, is_folder) and not (named and said is False))
        self.decisions[name] = decision
        return decision

    def _said(self, name: str) -> bool | None:
        """Return whether the last pattern that matches an entry excludes it; None if no pattern matches."""
        if self._patterns is None:
            assert self._file is not None
            lines = _read_lines(self._file)
            self._patterns = _patterns_of(lines)
            self._named = {line.rstrip("/ ").rpartition("/")[2].lstrip("!") for line in lines if line.startswith("!")}
        for ignores, regex in reversed(self._patterns):
            if any(_is_of_entry(match, name) for match in regex.finditer(name)):
                return ignores
        return None


def is_never_source(path: str, is_folder: bool) -> bool:
    """Return whether an entry is excluded if no ignore file mentions it."""
    name = path[path.rfind("/") + 1 :]
    if not is_folder:
        return name == ".git"
    return name in NEVER_SOURCE or (path == name and name in WRITTEN_BY_RUNS)


def find_ignore_file(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the ignore file among the names in a folder; None if there is none."""
    there = set(names)
    return next((folder / name for name in IGNORE_FILES if name in there and (folder / name).is_file()), None)


def _read_lines(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape").removeprefix("\ufeff")
    except OSError as error:
        if is_of_handler(error):
            raise
        raise NotAllowed("read", str(file), (error.strerror or str(error)).lower()) from error
    return [line.removesuffix("\r") for line in text.split("\n")]


def _patterns_of(lines: list[str]) -> list[tuple[bool, re.Pattern[str]]]:
    from pathspec import RegexPattern  # slow to load (24 ms), and most folders have no such file

    # In git, `a/**/` matches the folders in `a`, but not `a`.
    spelled = [line + "*/" if line.endswith("/**/") else line for line in lines]
    patterns = [pattern for line in spelled for pattern in _parsed(line)]
    regexes = [(pattern.include, pattern.regex) for pattern in patterns if isinstance(pattern, RegexPattern)]
    return [(include, regex) for include, regex in regexes if include is not None and regex is not None]


def _parsed(line: str) -> Iterable[object]:
    """Return the pattern of a line, if it has one.

    In git, a pattern that is not valid, such as `!`, matches nothing.
    """
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines([line]).patterns
    except (ValueError, re.error) as error:
        if type(error) is ValueError:  # of a signal handler, because pathspec raises errors of its own class
            raise
        return ()


def _is_of_entry(match: re.Match[str], name: str) -> bool:
    """Return whether a pattern matches the entry itself, and not only a folder above it.

    A pattern of `pathspec` also matches everything below the entry that it names. Git looks at each entry separately,
    so `!kept` does not concern `kept/debug.log`.
    """
    if match.groupdict().get("ps_d") is not None:
        return match.end("ps_d") == len(name)
    return not (name.endswith("/") and match.end() == len(name))  # `a/**` matches the entries in `a`, but not `a`
