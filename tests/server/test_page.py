"""The page's document and files: their policy, their addresses, and how long a browser keeps them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from asking import FROM_PAGE, NAVIGATION, Answer, Asking

from bridge.server import bundle, vendor
from bridge.server.static_files import StaticFiles, imported_names

pytestmark = pytest.mark.skipif(not vendor.is_fetched(), reason=f"packages are missing: run `{vendor.COMMAND}`")


def opened(asking: Asking, path: str = "/portal/") -> Answer:
    return asking.ask("GET", path, asking.cookie, *NAVIGATION)


def document(asking: Asking, path: str = "/portal/") -> str:
    answer = opened(asking, path)
    assert answer.status == 200
    return answer.body.decode()


def test_the_only_inline_element_is_the_import_map(owner: Asking) -> None:
    text = document(owner)
    assert not re.search(r"<style|style=|\son\w+=|javascript:", text)
    (script,) = [body for body in re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) if body.strip()]
    assert f'<script type="importmap">{script}</script>' in text
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = opened(owner).headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{checksum}';" in policy
    assert "default-src 'self'" in policy and "unsafe" not in policy and "*" not in policy


def test_the_import_map_leads_to_files(owner: Asking) -> None:
    (script,) = re.findall(r'<script type="importmap">(.*?)</script>', document(owner))
    imports = json.loads(script)["imports"]
    assert {"preact", "marked"} <= set(imports)
    for address in imports.values():
        assert owner.ask("GET", address, owner.cookie, *FROM_PAGE).headers["content-type"].startswith("text/javascript")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> StaticFiles:
    """The files of a page without a bundle."""
    monkeypatch.setattr(bundle, "read", lambda folder: None)
    return StaticFiles()


def test_without_a_bundle_all_names_of_imports_lead_to_files(modules: StaticFiles) -> None:
    wanted = {"preact", "preact/hooks", "@preact/signals", "@preact/signals-core", "htm", "htm/preact", "marked"}
    assert wanted | {"dompurify"} == set(modules.imports)
    assert set(modules.imports.values()) <= set(modules.files)
    assert not [path for path in modules.files if path.startswith("bundle/")]


@pytest.mark.parametrize("page", ["home", "experiment", "run", "compare"])
def test_without_a_bundle_every_module_that_a_page_needs_is_loaded_in_one_wave(modules: StaticFiles, page: str) -> None:
    """An independent list: read each file, and follow its imports."""
    preloaded = modules.scripts(page)
    assert len(preloaded) == len(set(preloaded))
    imports, todo, needed = vendor.imports(), [preloaded[0]], set()
    assert preloaded[0] == "app.js"
    todo += [name for name in preloaded if name.startswith("pages/")]
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        source = re.sub(r"/\*.*?\*/", "", (vendor.STATIC / name).read_text(encoding="utf-8"), flags=re.DOTALL)
        for found in re.findall(r"""\b(?:from|import)\s*["']([^"'\n]+)["']""", source):
            if found.startswith("."):
                target = (vendor.STATIC / name).parent / found
                todo.append(target.resolve().relative_to(vendor.STATIC).as_posix())
            elif found in imports:  # else the words are in a text
                todo.append(f"vendor/{imports[found]}")
    assert set(preloaded) == needed


@pytest.mark.parametrize("path", ["/portal/", "/portal/experiments/1", "/portal/runs/a/logs", "/portal/compare"])
def test_the_document_starts_the_page_and_names_its_modules(owner: Asking, path: str) -> None:
    text, page = document(owner, path), {"": "home", "e": "experiment", "r": "run", "c": "compare"}[path[8:9]]
    scripts = StaticFiles().scripts(page)
    assert re.findall(r'<link rel="modulepreload" href="/static/\w+/([^"]+)">', text) == scripts
    assert re.findall(r'<script type="module" src="/static/\w+/([^"]+)">', text) == scripts[:1]
    assert any(name.endswith(f"/{page}.js") for name in scripts)


def test_imports_are_found_in_every_form_and_nowhere_else() -> None:
    source = """
import a from "one";
import { b,
  c as d } from './two.js';
import "three"; import * as e from "four";
export { f } from "five"
export * from "six";
/** @param {import("not")} x */
// import g from "not";
 * import h from "not"
const i = () => import("later");
export const j = "not";
export default function k() { return "not" }
"""
    assert imported_names(source) == ["one", "./two.js", "three", "four", "five", "six"]
    assert imported_names('import{h as r}from"p";export{h}from"q";import e from"r";var m="no"') == ["p", "q", "r"]


def test_files_are_kept_forever_and_the_document_is_not(owner: Asking) -> None:
    (static,) = set(re.findall(r'data-static="([^"]+)"', document(owner)))
    for path in (StaticFiles().scripts("home")[0], "styles.css", "vendor/marked.js", "icon.svg"):
        answer = owner.ask("GET", f"{static}/{path}", owner.cookie, *FROM_PAGE, ("Accept-Encoding", "gzip, br"))
        assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "Accept-Encoding")
        plain = owner.ask("GET", f"{static}/{path}", owner.cookie, *FROM_PAGE)
        assert plain.body == gzip.decompress(answer.body) == StaticFiles().files[path].content
        assert "content-encoding" not in plain.headers
    assert opened(owner).headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "vendor.toml",
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "vendor/../icon.svg",
        "bundle/bundle.json",
        "bundle",
        "",
        "vendor",
        "/icon.svg",
    ],
)
def test_nothing_but_the_files_of_the_page_is_served(owner: Asking, path: str) -> None:
    (static,) = set(re.findall(r'data-static="([^"]+)"', document(owner)))
    assert owner.ask("GET", f"{static}/{path}", owner.cookie, *FROM_PAGE).status == 404
    assert owner.ask("GET", "/static/0000000000000000/icon.svg", owner.cookie, *FROM_PAGE).status == 404


def test_the_version_is_that_of_all_files(tmp_path: Path) -> None:
    (tmp_path / "vendor.toml").write_text('[[package]]\nname = "a"\n')
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.js").write_text("1")
    first = StaticFiles(tmp_path)
    assert not first.changed and StaticFiles(tmp_path).version == first.version
    (tmp_path / "lib" / "a.js").write_text("22")
    assert first.changed and StaticFiles(tmp_path).version != first.version
    second = StaticFiles(tmp_path)
    (tmp_path / "lib" / "a.js").rename(tmp_path / "lib" / "b.js")
    assert StaticFiles(tmp_path).version != second.version


def test_the_document_names_the_workspace_and_the_role(owner: Asking, reader: Asking) -> None:
    assert 'data-base="/portal"' in document(owner) and 'data-workspace="demo"' in document(owner)
    assert 'data-role="admin"' in document(owner)
    assert 'data-role="reader"' in document(reader)


def test_missing_packages_are_reported_with_the_command(owner: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor, "is_fetched", lambda: False)
    answer = opened(owner)
    assert answer.status == 503
    assert b"<pre>python -m bridge.server.vendor</pre>" in answer.body
    assert owner.ask("GET", "/portal/api/home", owner.bearer).status == 200, "programs can read the data"
