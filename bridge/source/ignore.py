"""Decides which files are excluded from a snapshot, by a list of names and by `.amlignore` or `.gitignore`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bridge.errors import NotAllowed
from bridge.journal.system import is_of_handler
from bridge.source.empty import WRITTEN_BY_RUNS

IGNORE_FILES = (".amlignore", ".gitignore")
"""The names of ignore files. Only the first one that exists in the root of the source folder is used.

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
"""The names of folders that are excluded at any depth. A file `.git`, which a submodule has, is excluded too."""


class IgnoreRules:
    """Rules that decide from the path of a file or folder whether it is excluded.

    The rules are those of one ignore file and those of `is_never_source`. The ignore file can re-include a folder that
    `is_never_source` excludes, but only by its name: `!outputs` re-includes `outputs`, and `!*` does not.

    Args:
        file: the ignore file, or None.
        decided: earlier decisions with the same ignore file, by path. The path of a folder ends with `/`.

    Attributes:
        decisions: the decisions so far, by path.
    """

    def __init__(self, file: Path | None, decided: dict[str, bool] | None = None) -> None:
        self._file = file
        self._decided = decided or {}
        self._patterns: list[tuple[bool, re.Pattern[str]]] | None = None
        self._named: set[str] = set()
        self.decisions: dict[str, bool] = {}

    def excludes(self, path: str, is_folder: bool) -> bool:
        """Return whether a file or folder is excluded.

        Args:
            path: its path relative to the source folder.
            is_folder: whether it is a folder.
        """
        if self._file is None:
            return is_never_source(path, is_folder)
        name = path + "/" if is_folder else path
        decision = self._decided.get(name)
        if decision is None:
            ignored = self._is_ignored(name)
            named = path[path.rfind("/") + 1 :] in self._named
            decision = ignored or (is_never_source(path, is_folder) and not (named and ignored is False))
        self.decisions[name] = decision
        return decision

    def _is_ignored(self, name: str) -> bool | None:
        """Return whether the last pattern that matches a path excludes it; None if no pattern matches."""
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
    """Return whether a file or folder is excluded if no ignore file mentions it."""
    name = path[path.rfind("/") + 1 :]
    if not is_folder:
        return name == ".git"
    return name in NEVER_SOURCE or (path == name and name in WRITTEN_BY_RUNS)


def find_ignore_file(folder: Path, names: Iterable[str]) -> Path | None:
    """Return the ignore file of a folder; None if the folder has none.

    Args:
        folder: the folder.
        names: the names of all files in the folder.
    """
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
    from pathspec import RegexPattern  # slow to load (24 ms), and most folders have no ignore file

    # In git, `a/**/` matches the folders in `a`, but not `a` itself. In `pathspec`, only `a/**/*/` means the same.
    spelled = [line + "*/" if line.endswith("/**/") else line for line in lines]
    patterns = [pattern for line in spelled for pattern in _parsed(line)]
    regexes = [(pattern.include, pattern.regex) for pattern in patterns if isinstance(pattern, RegexPattern)]
    return [(include, regex) for include, regex in regexes if include is not None and regex is not None]


def _parsed(line: str) -> Iterable[object]:
    """Return the pattern of a line as a list; the list is empty if the line contains no valid pattern.

    Git also ignores patterns that are not valid, such as `!`.
    """
    from pathspec import GitIgnoreSpec

    try:
        return GitIgnoreSpec.from_lines([line]).patterns
    except (ValueError, re.error) as error:
        # `pathspec` raises only subclasses of ValueError. So a signal handler has raised a plain ValueError.
        if type(error) is ValueError:
            raise
        return ()


def _is_of_entry(match: re.Match[str], name: str) -> bool:
    """Return whether a pattern matches a path itself, and not only a folder above it.

    If a pattern of `pathspec` matches a folder, it also matches everything below this folder. Git compares each path
    separately, so that the pattern `!kept` does not re-include `kept/debug.log`.
    """
    if match.groupdict().get("ps_d") is not None:
        return match.end("ps_d") == len(name)
    return not (name.endswith("/") and match.end() == len(name))  # `a/**` matches the entries in `a`, but not `a`
