"""Joins and shortens the page's modules, so that a browser loads a few small files instead of a hundred.

Run it as `python -m bridge.server.bundle`, after `bridge.server.vendor`. The build of the wheel and the Makefile run
it as well. It needs npm, which fetches the tools that `bundler/package-lock.json` lists with their checksums.
A bundle of other sources than the present ones is not used: the page then loads the modules as they are.
It imports only the standard library, because the build has no other packages.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

STATIC = Path(__file__).resolve().parent / "static"
BUNDLER = Path(__file__).resolve().parent / "bundler"
FOLDER = "bundle"
"""The folder of the bundle, beside the modules. git ignores it."""

_ABOUT = "bundle.json"
"""The file of the bundle that names its sources, and the files that each file imports."""

_NPM = ("ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund")


class CannotBundle(Exception):
    """The bundle cannot be made. The message says why."""


def sources(static: Path = STATIC) -> str:
    """Return a checksum of all files of which the bundle is made, and of the program that makes it."""
    files = [static / "vendor.toml", *BUNDLER.glob("*.*"), *static.glob("vendor/*.js")]
    files += [path for part in (".", "lib", "data", "parts", "pages") for path in (static / part).glob("*.js")]
    checksum = hashlib.sha256()
    for path in sorted(files):
        if path.is_file():
            content = path.read_bytes()
            checksum.update(f"{path.name}\0{len(content)}\0".encode() + content)
    return checksum.hexdigest()


def read(static: Path = STATIC) -> dict[str, list[str]] | None:
    """Return the files of the bundle with those that each imports, or None if there is no bundle of these sources."""
    try:
        about = json.loads((static / FOLDER / _ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    imports: dict[str, list[str]] = about["imports"]
    if about["sources"] != sources(static) or not all((static / FOLDER / name).is_file() for name in imports):
        return None
    return imports


def make(static: Path = STATIC) -> None:
    """Make the bundle again.

    Raises:
        CannotBundle: Node or npm is missing or fails. The folder of the bundle stays as it was.
    """
    wanted = sources(static)
    try:
        with tempfile.TemporaryDirectory(prefix=".bundle-", dir=static) as folder:
            new = Path(folder, FOLDER)
            new.mkdir()
            command = [_tool("node"), str(BUNDLER / "bundle.mjs"), str(static), str(new)]
            _install()
            files = runpy.run_path(str(Path(__file__).with_name("vendor.py")))["imports"](static)
            names = {name: f"vendor/{file}" for name, file in files.items()}
            imports = json.loads(_run(command, BUNDLER, json.dumps(names)))
            about = {"sources": wanted, "imports": imports}
            (new / _ABOUT).write_text(json.dumps(about), encoding="utf-8")
            new.chmod(0o755)
            if (static / FOLDER).exists():
                (static / FOLDER).rename(Path(folder, "old"))
            new.rename(static / FOLDER)
    except OSError as error:
        raise CannotBundle(f"{error.filename or static} cannot be written: {error.strerror or error}.") from error


def main() -> int:
    """Make the bundle unless it is there, and print what was done. Return the exit code."""
    if read() is not None and "--force" not in sys.argv:
        return 0
    try:
        make()
    except CannotBundle as error:
        print(f"Cannot join the page's modules, so it loads them as they are: {error}", file=sys.stderr)
        return 1
    print(f"Joined the page's modules into {STATIC / FOLDER}.")
    return 0


def _install() -> None:
    """Fetch the tools, unless they are there."""
    stamp, lock = BUNDLER / "node_modules" / ".runbridge", (BUNDLER / "package-lock.json").read_text(encoding="utf-8")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != lock:
        _run([_tool("npm"), *_NPM], BUNDLER)
        stamp.write_text(lock, encoding="utf-8")


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotBundle(f"{name} is not installed. Install Node.js, which contains node and npm, and try again.")
    return found


def _run(command: list[str], folder: Path, text: str = "") -> str:
    try:
        done = subprocess.run(command, cwd=folder, input=text, capture_output=True, encoding="utf-8", timeout=300)
    except subprocess.TimeoutExpired as error:
        raise CannotBundle(f"{Path(command[0]).name} did not finish within 5 minutes.") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "rror" in line]
        raise CannotBundle(
            f"{Path(command[0]).name} failed: " + (" ".join(lines[:4]) or f"exit code {done.returncode}.")
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
