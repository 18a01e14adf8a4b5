"""The page's files mean the same as they are served: without comments."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bridge.server import vendor
from bridge.server.compact import compact_script, compact_style
from bridge.server.static_files import STYLES, StaticFiles

TYPESCRIPT = Path(__file__).parents[2] / "node_modules/typescript"
SCRIPTS = [file for file in vendor.STATIC.rglob("*.js") if not {"vendor", "bundle"} & set(file.parts)]


def same_programs(pairs: list[tuple[str, str]]) -> list[bool]:
    """Return for each pair of scripts whether both are the same program."""
    if shutil.which("node") is None or not TYPESCRIPT.is_dir():
        pytest.skip("needs TypeScript, which `make types` installs")
    script = str(Path(__file__).with_name("without_comments.js"))
    done = subprocess.run(["node", script], input=json.dumps(pairs), capture_output=True, text=True, check=True)
    answers: list[bool] = json.loads(done.stdout)
    return answers


@pytest.mark.slow
def test_scripts_without_comments_are_the_same_programs() -> None:
    texts = [file.read_text(encoding="utf-8") for file in SCRIPTS]
    same = same_programs([(text, compact_script(text)) for text in texts])
    assert [file.name for file, is_same in zip(SCRIPTS, same, strict=True) if not is_same] == []


def test_another_program_is_noticed() -> None:
    assert same_programs([("let a = `\n// b\n`", "let a = `\n\n`"), ("f(1)", "f(1) // x")]) == [False, True]


def test_comments_go_and_lines_stay() -> None:
    source = '/** A.\n * b */\nconst a = /** @type {number} */ (1); // c\n  // d\nlet url = "http://e";\n'
    assert compact_script(source) == '\n\nconst a = (1); // c\n\nlet url = "http://e";\n'
    assert (
        compact_style("/* a */\na ,\nb:hover > c {\n  top: calc(1px + 2px);\n}\n")
        == "a ,b:hover > c{top: calc(1px + 2px)}\n"
    )


def test_one_file_has_all_styles_in_their_order() -> None:
    files = StaticFiles()
    styles = files.files[STYLES].content.decode()
    assert set(files.styles) == {path for path in files.files if path.endswith(".css")} - {STYLES}
    places = [styles.index(files.files[path].content.decode()) for path in files.styles]
    assert places == sorted(places) and files.styles.index("tokens.css") < files.styles.index("experiment.css")
    assert len(styles) < sum((vendor.STATIC / path).stat().st_size for path in files.styles)
