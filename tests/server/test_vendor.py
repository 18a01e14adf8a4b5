"""The page's JavaScript packages are fetched with npm, and are the listed ones."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bridge.server import vendor

ROOT = Path(__file__).resolve().parents[2]
NPM = f"""#!{sys.executable}
import json, os, shutil, sys
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "calls"), "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
if os.path.exists(os.path.join(folder, "offline")):
    sys.exit("npm error code ENOTFOUND\\nnpm error network request failed")
shutil.copy(os.path.join(folder, "a.tgz"), sys.argv[sys.argv.index("--pack-destination") + 1])
"""
"""A fake npm: it copies one archive, or fails as without a network."""


def archive(content: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in content.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


class Registry:
    """A folder with a list of packages, and an npm that has one package."""

    def __init__(self, folder: Path) -> None:
        self.static, self.bin = folder / "static", folder / "bin"
        self.static.mkdir()
        self.bin.mkdir()
        (self.bin / "npm").write_text(NPM)
        (self.bin / "npm").chmod(0o755)

    def offer(self, content: dict[str, bytes]) -> None:
        (self.bin / "a.tgz").write_bytes(archive(content))

    def list(self, version: str, **files: str) -> None:
        """List the offered package."""
        checksum = base64.b64encode(hashlib.sha512((self.bin / "a.tgz").read_bytes()).digest()).decode()
        lines = ["[[package]]", 'name = "@scope/a"', f'version = "{version}"', 'license_file = "LICENSE"']
        lines += [f'sha512 = "{checksum}"', "[package.files]", *(f'"{name}.js" = "{f}"' for name, f in files.items())]
        (self.static / "vendor.toml").write_text("\n".join(lines))

    def files(self) -> dict[str, bytes]:
        found = (self.static / "vendor").glob("*")
        return {file.name: file.read_bytes() for file in found if file.suffix != ".sha512"}


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry(tmp_path)
    monkeypatch.setenv("PATH", str(registry.bin), prepend=os.pathsep)
    registry.offer({"dist/a.js": b"export {}", "LICENSE": b"free"})
    registry.list("1.0.0", a="dist/a.js")
    return registry


def test_listed_files_and_licenses_are_copied(registry: Registry) -> None:
    assert not vendor.is_fetched(registry.static)
    vendor.fetch(registry.static)
    assert vendor.is_fetched(registry.static)
    assert registry.files() == {"a.js": b"export {}", "scope-a.LICENSE.txt": b"free"}
    (call,) = (registry.bin / "calls").read_text().splitlines()
    assert json.loads(call)[-1] == "@scope/a@1.0.0" and "--ignore-scripts" in json.loads(call)


def test_another_package_is_refused_and_the_old_files_stay(registry: Registry) -> None:
    vendor.fetch(registry.static)
    registry.offer({"dist/a.js": b"export { evil }", "LICENSE": b"free"})
    with pytest.raises(vendor.CannotFetch, match=r"@scope/a 1\.0\.0 is not the one that vendor\.toml lists"):
        vendor.fetch(registry.static)
    assert registry.files()["a.js"] == b"export {}"
    assert [file.name for file in registry.static.iterdir() if file.name.startswith(".")] == []


def test_a_changed_list_is_fetched_again(registry: Registry) -> None:
    vendor.fetch(registry.static)
    registry.offer({"dist/a.js": b"export const b = 2", "LICENSE": b"free"})
    registry.list("2.0.0", b="dist/a.js")
    assert not vendor.is_fetched(registry.static)
    vendor.fetch(registry.static)
    assert set(registry.files()) == {"b.js", "scope-a.LICENSE.txt"}


def test_a_removed_file_is_fetched_again(registry: Registry) -> None:
    vendor.fetch(registry.static)
    (registry.static / "vendor" / "a.js").unlink()
    assert not vendor.is_fetched(registry.static)


def test_failures_are_reported_with_their_reason(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.list("1.0.0", a="dist/none.js")
    with pytest.raises(vendor.CannotFetch, match=r"has no file dist/none\.js"):
        vendor.fetch(registry.static)
    (registry.bin / "offline").touch()
    with pytest.raises(vendor.CannotFetch, match="npm failed: npm error code ENOTFOUND"):
        vendor.fetch(registry.static)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(vendor.CannotFetch, match=r"npm is not installed\. Install Node\.js"):
        vendor.fetch(registry.static)
    assert not (registry.static / "vendor").exists()


def test_every_package_has_a_license_and_an_exact_version() -> None:
    for package in vendor.packages():
        assert package["license"] in {"MIT", "Apache-2.0", "BSD-3-Clause"}
        assert all(part.isdigit() for part in package["version"].split("."))
        assert len(base64.b64decode(package["sha512"])) == 64
        assert set(package.get("imports", {}).values()) <= set(package["files"])


def test_the_command_needs_only_the_standard_library(tmp_path: Path) -> None:
    """The build of the wheel runs it in an environment without packages."""
    code = f"""
import runpy, sys
before = set(sys.modules)
runpy.run_path({str(ROOT / "bridge/server/vendor.py")!r})
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ([] if sys.version_info >= (3, 11) else ["tomli"])


def test_git_ignores_the_fetched_files() -> None:
    done = subprocess.run(["git", "ls-files", "bridge/server/static/vendor"], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
