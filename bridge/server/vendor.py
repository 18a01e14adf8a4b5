"""Fetches the JavaScript packages of other projects that the page uses; see `static/vendor.toml`.

Run it as `python -m bridge.server.vendor`. The build of the wheel and the Makefile run it as well. It needs npm and
follows npm's own settings. It imports only the standard library, because the build has no other packages.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

STATIC = Path(__file__).resolve().parent / "static"
COMMAND = "python -m bridge.server.vendor"
"""The command that fetches the files, as messages name it."""

_STAMP = "vendor.toml.sha512"
"""The file in vendor/ with the checksum of the list that was fetched. It is written last."""


class CannotFetch(Exception):
    """The packages cannot be fetched. The message says why."""


def packages(static: Path = STATIC) -> list[dict[str, Any]]:
    """Return the packages that `vendor.toml` lists."""
    listed: list[dict[str, Any]] = tomllib.loads((static / "vendor.toml").read_text(encoding="utf-8"))["package"]
    return listed


def imports(static: Path = STATIC) -> dict[str, str]:
    """Return the names that modules import, with the names of the files in `vendor/`."""
    return {name: file for package in packages(static) for name, file in package.get("imports", {}).items()}


def is_fetched(static: Path = STATIC) -> bool:
    """Return whether the folder `vendor` has all files of the current list."""
    stamp = static / "vendor" / _STAMP
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != _checksum(static / "vendor.toml"):
        return False
    return all((static / "vendor" / name).is_file() for package in packages(static) for name in package["files"])


def fetch(static: Path = STATIC) -> None:
    """Fetch all packages, check their checksums, and replace the folder `vendor`.

    Raises:
        CannotFetch: npm is missing or fails, a package is not the listed one, or the folder cannot be written. The
            folder `vendor` stays as it was.
    """
    try:
        _fetch_into(static)
    except OSError as error:
        raise CannotFetch(f"{error.filename or static} cannot be written: {error.strerror or error}.") from error


def _fetch_into(static: Path) -> None:
    listed = packages(static)
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=static) as folder:
        archives = _archives([f"{package['name']}@{package['version']}" for package in listed], Path(folder))
        new = Path(folder, "vendor")
        new.mkdir()
        for package in listed:
            if package["sha512"] not in archives:
                raise CannotFetch(
                    f"The package {package['name']} {package['version']} is not the one that vendor.toml lists: "
                    "no fetched archive has its SHA-512."
                )
            _copy(package, archives[package["sha512"]], new)
        (new / _STAMP).write_text(_checksum(static / "vendor.toml"), encoding="utf-8")
        new.chmod(0o755)
        if (static / "vendor").exists():
            (static / "vendor").rename(Path(folder, "old"))
        new.rename(static / "vendor")


def main() -> int:
    """Fetch the packages unless they are there, and print what was done. Return the exit code."""
    if is_fetched() and "--force" not in sys.argv:
        return 0
    try:
        fetch()
    except CannotFetch as error:
        print(f"Cannot fetch the page's JavaScript packages: {error}", file=sys.stderr)
        return 1
    print(f"Fetched {len(packages())} JavaScript packages of the page into {STATIC / 'vendor'}.")
    return 0


def _archives(names: list[str], folder: Path) -> dict[str, Path]:
    """Fetch packages, and return the archives by their SHA-512 in base64."""
    npm = shutil.which("npm")
    if npm is None:
        raise CannotFetch("npm is not installed. Install Node.js, which contains npm, and try again.")
    command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), *names]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired as error:
        raise CannotFetch("npm did not finish within 5 minutes.") from error
    if done.returncode:
        # With --silent, npm prints no reason.
        again = subprocess.run([w for w in command if w != "--silent"], cwd=folder, capture_output=True, text=True)
        lines = [line for line in again.stderr.splitlines() if "npm error" in line.lower() or "npm err" in line.lower()]
        raise CannotFetch("npm failed: " + (" ".join(lines[:4]) or f"exit code {done.returncode}."))
    return {_checksum(file): file for file in folder.glob("*.tgz")}


def _copy(package: dict[str, Any], archive: Path, folder: Path) -> None:
    """Copy the listed files and the license of a package out of its archive."""
    plain = package["name"].removeprefix("@").replace("/", "-")
    wanted = {**package["files"], f"{plain}.LICENSE.txt": package["license_file"]}
    with tarfile.open(archive) as content:
        for name, inside in wanted.items():
            try:
                file = content.extractfile(f"package/{inside}")
            except KeyError:
                file = None
            if file is None:
                raise CannotFetch(f"The package {package['name']} {package['version']} has no file {inside}.")
            (folder / name).write_bytes(file.read())


def _checksum(file: Path) -> str:
    return base64.b64encode(hashlib.sha512(file.read_bytes()).digest()).decode()


if __name__ == "__main__":
    sys.exit(main())
