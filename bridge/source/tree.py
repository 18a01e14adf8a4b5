"""Finds the files of a folder that belong to a snapshot, by their names, sizes and times. No file is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from bridge.journal.system import is_of_handler
from bridge.source.ignore import IgnoreRules, find_ignore_file
from bridge.store.walk import Entry, walk

Kind = Literal["file", "executable", "link"]

WORKSPACE_NAMES = ("journal", "artifacts")


class Found(NamedTuple):
    """A file, or a link that is stored as a link.

    Attributes:
        path: the path relative to the root of the folder, with `/` between its parts.
        stamp: a text that changes if the file is changed. It contains the size, the inode number and two time stamps.
        changed_ns: the time of the last change of the content or the inode, in nanoseconds since 1970 UTC.
        target: the target of a link; empty for a file.
    """

    path: str
    kind: Kind
    size_bytes: int
    stamp: str
    changed_ns: int
    target: str = ""


class Tree:
    """The files of a folder that belong to a snapshot.

    Attributes:
        files: the files, sorted by path.
        warnings: files that could not be included, each with the reason.
        decisions: the decisions of the ignore file, by path.
        ignore_file: the ignore file, or None.
    """

    def __init__(self) -> None:
        self.files: list[Found] = []
        self.warnings: list[str] = []
        self.decisions: dict[str, bool] = {}
        self.ignore_file: Path | None = None


class TreeScan:
    """One walk over a folder.

    Args:
        root: the folder.
        most_entries: the greatest number of files and folders that the folder may contain.
        excluded: (device, inode) of folders that are excluded.
    """

    def __init__(self, root: Path, most_entries: int, excluded: frozenset[tuple[int, int]]) -> None:
        self._root, self._most_entries, self._excluded = root, most_entries, excluded
        self._real_root = os.path.realpath(root)
        self._rules = IgnoreRules(None)
        self.tree = Tree()

    def run(self, decided: dict[str, bool], decided_with: str) -> Tree:
        """Return the files of the folder.

        Args:
            decided: for each path, whether an earlier scan excluded it.
            decided_with: the stamp of the ignore file at the earlier scan. If its stamp has changed, `decided` is not
                used.

        Raises:
            TooManyEntries: the folder contains more than `most_entries` files and folders.
        """
        self._decided, self._decided_with = decided, decided_with
        found = walk(
            self._root,
            self._miss_folder,
            follows_links=False,
            enters=self._is_source,
            chosen=self._chosen,
            most_entries=self._most_entries,
        )
        for path, entry in found:
            if self._takes(path, is_folder=False):
                self._take_file(entry, path)
        self.tree.files.sort(key=lambda found: found.path)
        self.tree.decisions = self._rules.decisions
        return self.tree

    def _chosen(self, path: str, entries: list[Entry]) -> list[Entry]:
        """Return the entries of a folder that may be source.

        The files of a workspace and of a virtual environment are not source.
        """
        names = {entry.name for entry in entries}
        if not path:
            self._read_rules(names)
        if "workspace.db" in names:
            return [] if path else [entry for entry in entries if not _is_of_workspace(entry.name)]
        return [] if path and ("pyvenv.cfg" in names or "conda-meta" in names) else entries

    def _read_rules(self, names: set[str]) -> None:
        """Read the ignore file of the root folder, if it has one.

        Args:
            names: the names of the files in the root folder.
        """
        file = self.tree.ignore_file = find_ignore_file(self._root, names)
        known = self._decided if file is not None and stamp_of(file.stat()) == self._decided_with else {}
        self._rules = IgnoreRules(file, known)

    def _is_source(self, path: str, entry: Entry) -> bool:
        """Return whether a folder may contain source."""
        if not self._takes(path, is_folder=True):
            return False
        if not self._excluded:
            return True
        try:
            state = entry.stat(follow_symlinks=False)
        except FileNotFoundError as error:  # the folder was removed after the walk had listed it
            if is_of_handler(error):
                raise
            return False
        return (state.st_dev, state.st_ino) not in self._excluded

    def _takes(self, path: str, is_folder: bool) -> bool:
        if _is_text(path):
            return not self._rules.excludes(path, is_folder)
        self._warn(path.encode("utf-8", "replace").decode(), "its name is not UTF-8")
        return False

    def _miss_folder(self, path: str, error: OSError) -> None:
        # A NotADirectoryError means that a file has just replaced the folder. This needs no warning.
        if not isinstance(error, NotADirectoryError):
            self._warn(path, (error.strerror or str(error)).lower())

    def _take_file(self, entry: Entry, path: str) -> None:
        try:
            found = self._link(entry, path) if entry.is_symlink() else _file(path, entry.stat(follow_symlinks=False))
        except OSError as error:
            if is_of_handler(error):
                raise
            # A FileNotFoundError means that the file was just removed. This needs no warning.
            if not isinstance(error, FileNotFoundError):
                self._warn(path, (error.strerror or str(error)).lower())
            return
        if found is None:
            link = "a link to something outside of the folder that is not a file"
            self._warn(path, link if entry.is_symlink() else "neither a file nor a folder")
        else:
            self.tree.files.append(found)

    def _link(self, entry: Entry, path: str) -> Found | None:
        """Return a link to a path inside the root folder as a link, and a link to a file outside of it as this file.

        Return None for any other link.
        """
        real = os.path.realpath(entry.path)
        if not self._is_inside(real):
            try:
                return _file(path, os.stat(entry.path))
            except FileNotFoundError as error:
                if is_of_handler(error):
                    raise
                return None
        target = os.readlink(entry.path)
        if os.path.isabs(target) or leads_out(path, target):  # replace it by a relative path inside the root folder
            target = os.path.relpath(real, os.path.dirname(os.path.join(self._real_root, path)))
        state = entry.stat(follow_symlinks=False)
        return Found(path, "link", 0, stamp_of(state), _changed(state), target)

    def _is_inside(self, real: str) -> bool:
        return real == self._real_root or real.startswith(self._real_root.rstrip("/") + "/")

    def _warn(self, path: str, reason: str) -> None:
        self.tree.warnings.append(f"{path or '.'} ({reason})")


def single_file(path: Path) -> Tree:
    """Return the tree of one file."""
    tree, found = Tree(), _file(path.name, path.stat())
    if found is None:
        tree.warnings.append(f"{path.name} (neither a file nor a folder)")
    else:
        tree.files.append(found)
    return tree


def stamp_of(state: os.stat_result) -> str:
    """Return a text that changes if a file is changed."""
    return f"{state.st_size}:{state.st_ino}:{state.st_mtime_ns}:{state.st_ctime_ns}"


def leads_out(path: str, target: str) -> bool:
    """Return whether a link leads out of the root folder. Only the paths are compared, and no file is read.

    Args:
        path: the path of the link, relative to the root folder.
        target: the target of the link.
    """
    place = os.path.normpath(os.path.join(os.path.dirname(path), target))
    return os.path.isabs(place) or place == ".." or place.startswith("../")


def folders_of(paths: list[Path]) -> Iterator[tuple[int, int]]:
    """Yield (device, inode) of each of the folders that exists."""
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            if is_of_handler(error):
                raise
            continue
        yield state.st_dev, state.st_ino


def _file(path: str, state: os.stat_result) -> Found | None:
    if not stat.S_ISREG(state.st_mode):
        return None
    kind: Kind = "executable" if state.st_mode & stat.S_IXUSR else "file"
    return Found(path, kind, state.st_size, stamp_of(state), _changed(state))


def _changed(state: os.stat_result) -> int:
    return max(state.st_mtime_ns, state.st_ctime_ns)


def _is_of_workspace(name: str) -> bool:
    """Return whether a file in the folder of a workspace belongs to the workspace, by its name."""
    return name in WORKSPACE_NAMES or name.startswith(("workspace.", "mlflow.db"))


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
