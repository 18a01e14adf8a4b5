"""The page's modules are joined into a few files, which are used only while they are those of the present modules."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.server import bundle
from bridge.server.static_files import StaticFiles, imported_names

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("home", "experiment", "run", "compare", "notes")


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A folder with two modules and a bundle of them."""
    for folder in ("pages", "vendor", bundle.FOLDER):
        (tmp_path / folder).mkdir()
    (tmp_path / "vendor.toml").write_text('[[package]]\nname = "a"\n')
    (tmp_path / "app.js").write_text('import "./pages/home.js";\n')
    (tmp_path / "pages" / "home.js").write_text("export {};\n")
    (tmp_path / bundle.FOLDER / "app.js").write_text("")
    about = {"sources": bundle.sources(tmp_path), "imports": {"app.js": []}}
    (tmp_path / bundle.FOLDER / "bundle.json").write_text(json.dumps(about))
    return tmp_path


def test_the_page_loads_the_bundle_of_its_modules(static: Path) -> None:
    files = StaticFiles(static)
    assert files.scripts("home") == ["bundle/app.js"]


@pytest.mark.parametrize("changed", ["pages/home.js", "vendor/b.js", "lib/b.js"])
def test_a_bundle_of_other_sources_is_not_used(static: Path, changed: str) -> None:
    files = StaticFiles(static)
    (static / changed).parent.mkdir(exist_ok=True)
    (static / changed).write_text("export const b = 1;\n")
    assert files.changed
    assert bundle.read(static) is None
    assert StaticFiles(static).scripts("home") == ["app.js", "pages/home.js"]


def test_a_bundle_with_a_missing_file_is_not_used(static: Path) -> None:
    (static / bundle.FOLDER / "app.js").unlink()
    assert bundle.read(static) is None


def test_failures_are_reported_and_the_old_bundle_stays(static: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(bundle.CannotBundle, match=r"node is not installed\. Install Node\.js"):
        bundle.make(static)
    assert bundle.read(static) == {"app.js": []}
    assert [file.name for file in static.iterdir() if file.name.startswith(".")] == []


@pytest.mark.skipif(bundle.read() is None, reason="the bundle is missing: run `python -m bridge.server.bundle`")
def test_each_page_loads_all_files_that_it_imports() -> None:
    files = StaticFiles()
    for page in PAGES:
        scripts = files.scripts(page)
        assert scripts[0] == "bundle/app.js" and f"bundle/{page}.js" in scripts
        for path in scripts:
            names = [name for name in imported_names(files.files[path].content.decode()) if name.startswith("./")]
            assert {f"bundle/{name[2:]}" for name in names} <= set(scripts), path
    for path, file in files.files.items():
        if path.startswith("bundle/"):
            later = re.findall(r"""\bimport\(["'](?:\./)?([\w/]+)(?:\.js)?["']\)""", file.content.decode())
            assert {f"bundle/{name}.js" for name in later} <= set(files.files), path


def test_the_command_needs_only_the_standard_library(tmp_path: Path) -> None:
    """The build of the wheel runs it in an environment without packages."""
    code = f"""
import runpy, sys
before = set(sys.modules)
runpy.run_path({str(ROOT / "bridge/server/bundle.py")!r})
print(*sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_every_tool_has_a_checksum_and_a_free_license() -> None:
    lock = json.loads((bundle.BUNDLER / "package-lock.json").read_text(encoding="utf-8"))
    tools = {name: tool for name, tool in lock["packages"].items() if name}
    assert all(tool["integrity"].startswith("sha512-") for tool in tools.values())
    assert {tool["license"] for tool in tools.values()} <= {"MIT"}
    assert not any("resolved" in tool for tool in tools.values()), "npm's own settings say where packages are fetched"


def test_git_ignores_the_bundle_and_its_tools() -> None:
    folders = ["bridge/server/static/bundle", "bridge/server/bundler/node_modules"]
    done = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
