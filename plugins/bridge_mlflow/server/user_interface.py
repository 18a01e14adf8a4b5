"""MLflow's user interface: the files of the installed MLflow package, which is not imported for them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import threading
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from starlette.responses import Response
from starlette.types import ASGIApp

from bridge.server.dispatch import not_found
from bridge.server.routes import Call, Route

FOLDER = "server/js/build"
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; frame-src 'self' blob:; "
    "frame-ancestors 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"
)
"""The policy of MLflow's user interface. A test opens all its pages under this policy."""

TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".html": "text/html"}
"""Types that do not depend on the settings of this computer."""

HASHED = "static/"
"""Names of files in this folder contain a checksum, so a browser may keep them."""

LONGEST_KEPT = "private, max-age=31536000, immutable"


class File(NamedTuple):
    """A file: its type, its bytes compressed with gzip, and a checksum."""

    media_type: str
    compressed: bytes
    checksum: str


class UserInterface:
    """The files of MLflow's user interface. A file is read and compressed when it is asked for first.

    Args:
        folder: the folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._files: dict[str, File] = {}
        self._names = frozenset(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())

    def read(self, name: str) -> File | None:
        """Return a file, or None if it does not exist."""
        if name not in self._names or name.endswith(".map"):
            return None
        with self._lock:
            if name not in self._files:
                content = (self._folder / name).read_bytes()
                suffix = Path(name).suffix
                kind = TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
                checksum = hashlib.sha256(content).hexdigest()[:16]
                self._files[name] = File(kind, gzip.compress(content, 6, mtime=0), checksum)
            return self._files[name]

    async def answer(self, call: Call, name: str) -> ASGIApp:
        """Return the answer with a file."""
        file = await asyncio.to_thread(self.read, name)
        if file is None:
            return not_found()
        headers = {"ETag": f'"{file.checksum}"', "Vary": "Accept-Encoding"}
        if name.startswith(HASHED):
            headers["Cache-Control"] = LONGEST_KEPT
        if name == "index.html":
            headers["Content-Security-Policy"] = POLICY
        if call.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        content = file.compressed
        if "gzip" in call.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
        else:
            content = await asyncio.to_thread(gzip.decompress, content)
        return Response(content, headers=headers, media_type=file.media_type)


@cache
def user_interface() -> UserInterface | None:
    """Return the user interface of the installed MLflow, or None if MLflow is not installed or lacks it."""
    found = find_spec("mlflow")
    folder = Path(found.submodule_search_locations[0], FOLDER) if found and found.submodule_search_locations else None
    return UserInterface(folder) if folder is not None and (folder / "index.html").is_file() else None


def interface_routes() -> list[Route]:
    """Return the routes of the page and of its files. The page uses relative addresses."""

    async def page(call: Call) -> ASGIApp:
        return await _answer(call, "index.html")

    async def file(call: Call) -> ASGIApp:
        return await _answer(call, call.parameters["path"])

    return [
        Route("GET", "/", page, "reader", "read", is_page=True),
        Route("GET", "/static-files/{path:path}", file, "reader", "read"),
    ]


async def _answer(call: Call, name: str) -> ASGIApp:
    interface = await asyncio.to_thread(user_interface)
    return not_found() if interface is None else await interface.answer(call, name)
