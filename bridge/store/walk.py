"""Lists the files below a folder of this computer, for a snapshot, an upload, or the outputs of a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from bridge.journal.system import is_of_handler

Entry: TypeAlias = "os.DirEntry[str]"


class TooManyEntries(Exception):
    """A folder has more entries than a walk may list."""


def walk(
    top: Path,
    unreadable: Callable[[str, OSError], object],
    *,
    follows_links: bool,
    enters: Callable[[str, Entry], bool] = lambda path, entry: True,
    chosen: Callable[[str, list[Entry]], list[Entry]] = lambda path, entries: entries,
    most_entries: int | None = None,
) -> Iterator[tuple[str, Entry]]:
    """Yield all entries below a folder that are not folders, in any order.

    All paths are relative to `top`, with `/` between their parts. The path of `top` is empty.

    Args:
        top: the folder.
        unreadable: called with the path of a folder that cannot be listed, and the error. Not called for a folder that
            was removed.
        follows_links: whether to enter the folders that links lead to. If True, a link to a folder that contains the
            link is skipped. If False, a link to a folder is yielded like a file.
        enters: called with the path of a subfolder and its entry; returns whether to enter the subfolder.
        chosen: called with the path of a folder and its entries; returns the entries to yield or enter.
        most_entries: the greatest number of entries that the walk may list; None means no limit.

    Yields:
        The path and the entry.

    Raises:
        TooManyEntries: the folder has more than `most_entries` entries.
    """
    left = most_entries
    folders = [(os.fspath(top), "", _real_parents(top) if follows_links else frozenset())]
    while folders:
        folder, path, above = folders.pop()
        try:
            with os.scandir(folder) as listing:
                entries = list(islice(listing, None if left is None else left + 1))
        except OSError as error:
            if is_of_handler(error):
                raise
            if not isinstance(error, FileNotFoundError):
                unreadable(path, error)
            continue
        if left is not None:
            left -= len(entries)
            if left < 0:
                raise TooManyEntries
        for entry in chosen(path, entries):
            below = f"{path}/{entry.name}" if path else entry.name
            if not _is_folder(entry, follows_links):
                yield below, entry
                continue
            real = os.path.realpath(entry.path) if follows_links else ""
            if real not in above and enters(below, entry):
                folders.append((entry.path, below, above | {real} if follows_links else above))


def _is_folder(entry: Entry, follows_links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follows_links)
    except OSError as error:
        if is_of_handler(error):
            raise
        return False


def _real_parents(top: Path) -> frozenset[str]:
    return frozenset(os.path.realpath(folder) for folder in (top, *top.parents))
