"""The widget is one module, made of the modules of the page, and needs nothing from the network."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.errors import NotFound
from bridge.server import vendor
from bridge.server.compact import compact_script
from bridge_jupyter import modules
from bridge_jupyter.modules import OWN, shadow_style, widget_module

pytestmark = pytest.mark.skipif(not vendor.is_fetched(), reason="the JavaScript packages of the page were not fetched")


def texts() -> dict[str, str]:
    """Return the texts of the modules in the widget's module by name, in order."""
    (listed,) = re.findall(r"^const modules = (\[.*\]);$", widget_module(), re.MULTILINE)
    return dict(json.loads(listed))


def test_each_module_comes_after_those_that_it_imports() -> None:
    seen: set[str] = set()
    for name, text in texts().items():
        assert set(re.findall(r'"module:([^"\n]+)"', text)) <= seen, name
        seen.add(name)
    assert "own/view.js" == list(texts())[-1]
    assert {"lib/frame.js", "lib/colour.js", "data/series.js", "vendor/preact.js"} <= seen


def test_no_import_is_left_without_a_module() -> None:
    for name, text in texts().items():
        assert not [found[3] for found in modules.IMPORT.finditer(text) if not found[3].startswith("module:")], name
        assert not re.search(r"""\b(?:fetch|importScripts|EventSource|WebSocket|XMLHttpRequest)\s*\(""", text), name


def test_the_modules_of_the_page_are_used_as_the_page_loads_them() -> None:
    source = (vendor.STATIC / "lib/colour.js").read_text(encoding="utf-8")
    assert texts()["lib/colour.js"] == compact_script(source)


def test_our_files_are_short() -> None:
    assert {path.name: count for path in OWN.iterdir() if (count := path.read_text().count("\n")) > 250} == {}


def test_the_widget_is_small() -> None:
    import gzip

    assert len(gzip.compress(widget_module().encode())) < 80_000


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_every_module_is_valid(tmp_path: Path) -> None:
    for at, text in enumerate([widget_module(), *texts().values()]):
        (tmp_path / f"{at}.mjs").write_text(text, encoding="utf-8")
    check = "for (const at of process.argv.slice(1)) new (require('vm').SourceTextModule)(fs.readFileSync(at, 'utf8'))"
    files = sorted(map(str, tmp_path.iterdir()))
    subprocess.run(
        ["node", "--experimental-vm-modules", "--no-warnings", "-e", f"const fs = require('fs'); {check}", *files],
        check=True,
    )


def test_a_style_sheet_applies_to_the_shadow_tree() -> None:
    assert shadow_style(":root { --a: 0 }") == ":host { --a: 0 }"
    assert shadow_style(':root[data-theme="dark"] { --a: 2 }') == ':host([data-theme="dark"]) { --a: 2 }'


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    shutil.copy(vendor.STATIC / "vendor.toml", tmp_path)
    with pytest.raises(NotFound, match=re.escape(vendor.COMMAND)):
        widget_module(OWN, tmp_path)
