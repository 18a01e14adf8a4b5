"""The page's own files and those of other projects, in memory, each compressed once.

Style sheets are served as one file. Own scripts are those of the bundle; see `bridge.server.bundle`. If the bundle is
missing or was made of other sources, they are the modules without comments; see `bridge.server.compact`.
"""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re
from pathlib import Path
from typing import NamedTuple

from bridge.server import bundle, vendor
from bridge.server.compact import compact_script, compact_style

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
"""The types of files that are served. Others, such as the template of the page, are not."""

# `import … from "name"`, `export … from "name"` or `import "name"` where a statement begins, so not in a comment.
_IMPORT = re.compile(r"""(?:^|(?<=[;}\n]))\s*(?:import|export)\b(?:[\w$*{},\s]*\bfrom\b)?\s*["']([^"'\n]+)["']""")


_UNFINISHED = re.compile(r"\.(?:vendor|bundle)-")

STYLES = "styles.css"
"""The name of the file with all style sheets."""

FIRST_STYLES = ("tokens.css", "portal.css", "controls.css", "frame.css", "floating.css")
"""The style sheets that stand before the others, in this order."""


class StaticFile(NamedTuple):
    """One file: its type, its bytes, and its bytes compressed with gzip."""

    media_type: str
    content: bytes
    compressed: bytes


class StaticFiles:
    """All files of the page, as they were when they were read.

    Attributes:
        version: a checksum of all files. It is part of their addresses, so that a browser can keep them forever.
        files: the files by their paths below the folder.
        imports: the names that modules import, with the paths of their files.
        bundle: the files of the bundle with those that each imports, or None if modules are served one by one.
    """

    def __init__(self, folder: Path = vendor.STATIC) -> None:
        self._folder = folder
        self._seen = _state(folder)
        self.bundle = bundle.read(folder)
        self.imports = {name: f"vendor/{file}" for name, file in vendor.imports(folder).items()}
        self.files = {path: _read(folder, path) for path in sorted(self._seen) if self._is_served(path)}
        self.files[STYLES] = _file(STYLES, b"".join(self.files[path].content for path in self.styles))
        checksum = hashlib.sha256()
        for path, file in self.files.items():
            checksum.update(f"{path}\0{len(file.content)}\0".encode() + file.content)
        self.version = checksum.hexdigest()[:16]
        self._modules: dict[str, tuple[str, ...]] = {}

    def _is_served(self, path: str) -> bool:
        """Return whether a file is served. The modules are served also beside a bundle, to tests and the console."""
        folder, _, name = path.rpartition("/")
        return folder != bundle.FOLDER or name in (self.bundle or ())

    @property
    def changed(self) -> bool:
        """Whether a file was changed, added or removed since all were read."""
        return _state(self._folder) != self._seen

    def scripts(self, page: str) -> list[str]:
        """Return the paths of all modules that the page of this name needs to start. The first one starts the page."""
        if self.bundle is None:
            return self.modules("app.js", f"pages/{page}.js")
        todo, found = ["app.js", f"{page}.js"], list[str]()
        for name in todo:
            path = f"{bundle.FOLDER}/{name}"
            if name in self.bundle and path not in found:
                found.append(path)
                todo += self.bundle[name]
        return found

    @property
    def styles(self) -> list[str]:
        """The style sheets of which the file with all of them consists, in their order."""
        own = [path for path in self.files if path.endswith(".css") and path != STYLES]
        return [*(path for path in FIRST_STYLES if path in own), *(path for path in own if path not in FIRST_STYLES)]

    def modules(self, *entries: str) -> list[str]:
        """Return the paths of modules and of all modules that they import, each once, an importer before its imports.

        Imports that a module makes later, with `import()`, are not followed. Files that do not exist are left out.
        """
        found: dict[str, None] = {}
        todo = [entry for entry in reversed(entries) if entry in self.files]
        while todo:
            path = todo.pop()
            if path in found:
                continue
            found[path] = None
            todo += [name for name in reversed(self._imported(path)) if name in self.files]
        return list(found)

    def _imported(self, path: str) -> tuple[str, ...]:
        if path not in self._modules:
            names = imported_names(self.files[path].content.decode())
            self._modules[path] = tuple(
                posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
                if name.startswith(".")
                else self.imports.get(name, name)
                for name in names
            )
        return self._modules[path]


def imported_names(source: str) -> list[str]:
    """Return the names that a module imports, in order."""
    return _IMPORT.findall(source)


def _state(folder: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for file in folder.rglob("*"):
        if file.suffix in TYPES and file.is_file() and not _UNFINISHED.search(str(file)):
            status = file.stat()
            found[file.relative_to(folder).as_posix()] = (status.st_mtime_ns, status.st_size)
    return found


def _read(folder: Path, path: str) -> StaticFile:
    content = (folder / path).read_bytes()
    is_own = not path.startswith(("vendor/", f"{bundle.FOLDER}/"))
    if is_own and path.endswith(".js"):
        content = compact_script(content.decode()).encode()
    elif is_own and path.endswith(".css"):
        content = compact_style(content.decode()).encode()
    return _file(path, content)


def _file(path: str, content: bytes) -> StaticFile:
    return StaticFile(TYPES[Path(path).suffix], content, gzip.compress(content, mtime=0))
