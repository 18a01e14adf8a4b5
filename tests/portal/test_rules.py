"""The page's source follows its rules: who imports whom, how long a file is, where markup and colours may stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bridge.server import vendor

STATIC = vendor.STATIC
PARTS = ("lib", "data", "parts", "pages")
SCRIPTS = sorted([*STATIC.glob("*.js"), *(file for part in PARTS for file in (STATIC / part).rglob("*.js"))])
STYLES = sorted(STATIC.glob("*.css"))
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WIDGET = ROOT / "plugins/bridge_jupyter/static"
WIDGET_SCRIPTS = sorted(WIDGET.glob("*.js"))
SERVED = ROOT / "bridge/server/notices.py"
"""The module with the pages that need no JavaScript."""

MAY_IMPORT = {"lib": {"lib"}, "data": {"data", "lib"}, "parts": {"parts", "lib"}}
"""The folders whose modules a module may import. Pages, and the modules beside the folders, may import all."""

MOST_LINES = 250
MARKUP = {"parts/markdown.js"}
"""The module that may turn text into markup. It does so with the output of DOMPurify only."""

COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`\\])//[^\n]*", re.DOTALL)
IMPORT = re.compile(
    r"""(?:^|[;}\n])\s*(?:import|export)\b(?:[\w$*{},\s]*\bfrom\b)?\s*["']([^"'\n]+)["']"""
    r"""|\bimport\(\s*["']([^"'\n]+)["']\s*\)"""
)
NAMES = re.compile(r"""\b(?:import|export)\s*(?:\{([^}]*)\}|\*\s*as\s+(\w+))\s*from\s*["']([^"'\n]+)["']""")
EXPORT = re.compile(r"^export (?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
COLOUR = re.compile(
    r"#(?:[0-9a-f]{8}|[0-9a-f]{6}|[0-9a-f]{3,4})\b(?![-\w])|\b(?:rgb|hsl|lab|lch|oklch|hwb)a?\(", re.IGNORECASE
)


def name_of(file: Path) -> str:
    return file.relative_to(STATIC).as_posix()


def code_of(file: Path) -> str:
    """Return the source of a file without comments."""
    return COMMENT.sub("", file.read_text(encoding="utf-8"))


def imports_of(file: Path) -> Iterator[str]:
    """Yield the imports of a module: paths of own modules, and names of other projects' packages."""
    for found in IMPORT.finditer(code_of(file)):
        name = found[1] or found[2]
        yield name_of((file.parent / name).resolve()) if name.startswith(".") else name


def test_modules_import_only_the_layers_below() -> None:
    wrong = []
    for file in SCRIPTS:
        own = name_of(file).split("/")[0]
        for name in imports_of(file):
            is_package = not (STATIC / name).is_file() and not name.endswith(".js")
            if (own == "lib" and is_package) or (
                not is_package and own in MAY_IMPORT and name.split("/")[0] not in MAY_IMPORT[own]
            ):
                wrong.append(f"{name_of(file)} imports {name}")
    assert wrong == []


def test_every_import_exists() -> None:
    known = set(vendor.imports())
    wrong = [
        f"{name_of(file)} imports {name}"
        for file in SCRIPTS
        for name in imports_of(file)
        if not (STATIC / name).is_file() and name not in known
    ]
    assert wrong == []


def names_of(file: Path) -> Iterator[tuple[Path, set[str]]]:
    """Yield the own modules that a module imports, with the names; for `import()`, all words of the module."""
    code = code_of(file)
    for names, whole, module in NAMES.findall(code):
        found = (
            re.findall(rf"\b{whole}\.(\w+)", code) if whole else [name.split(" as ")[0] for name in names.split(",")]
        )
        yield own_module(file, module), {name.strip() for name in found}
    for module, name in re.findall(r"""\bimport\("([^"]+)"\)\.(\w+)""", file.read_text(encoding="utf-8")):  # types
        yield own_module(file, module), {name}
    for module in re.findall(r"""\bimport\(\s*["']([^"'\n]+)["']\s*\)""", code):
        yield own_module(file, module), set(re.findall(r"\w+", code))


def own_module(file: Path, name: str) -> Path:
    """Return the file of an import. The modules of the widget name those of the page `runbridge/…`."""
    return STATIC / name.removeprefix("runbridge/") if name.startswith("runbridge/") else (file.parent / name).resolve()


def test_every_export_is_used_by_another_module_or_tested() -> None:
    """An export that only tests use is used in its own module too; otherwise the page does not need it."""
    used: dict[Path, set[str]] = {file: set() for file in SCRIPTS}
    for file in [*SCRIPTS, *WIDGET_SCRIPTS]:
        for module, names in names_of(file):
            used.setdefault(module, set()).update(names)
    for file in SCRIPTS:
        for other in re.findall(r'^export \* from "([^"]+)"', code_of(file), re.MULTILINE):
            used[own_module(file, other)] |= used[file]
    tests = [file.read_text(encoding="utf-8") for file in HERE.rglob("*") if file.suffix in (".js", ".py")]
    wrong = []
    for file in SCRIPTS:
        code = code_of(file)
        tested = set(re.findall(r"\w+", " ".join(test for test in tests if name_of(file) in test)))
        for name in set(EXPORT.findall(code)) - used[file]:
            if name not in tested or len(re.findall(rf"\b{name}\b", code)) == 1:
                wrong.append(f"{name_of(file)}: {name}")
    assert sorted(wrong) == []


def test_every_class_of_a_style_sheet_is_given_to_an_element() -> None:
    code = "".join(file.read_text(encoding="utf-8") for file in [*SCRIPTS, *WIDGET_SCRIPTS, SERVED])
    words = set(re.findall(r"[\w-]+", code))
    starts = tuple(set(re.findall(r"([a-z][\w-]*-)\$\{", code)))
    wrong = [
        f"{file.name}: {name}"
        for file in [*STYLES, *sorted(WIDGET.glob("*.css"))]
        for selectors in re.findall(r"([^{}]+)\{", code_of(file))
        for name in re.findall(r"\.([a-z][\w-]*)", selectors, re.IGNORECASE)
        if name not in words and not name.startswith(starts)
    ]
    assert wrong == []


def test_no_modules_import_each_other() -> None:
    imports = {name_of(file): set(imports_of(file)) for file in SCRIPTS}
    while True:
        # A module that imports no other module of those that are left is in no circle.
        left = {name: found & imports.keys() for name, found in imports.items()}
        imports = {name: found for name, found in left.items() if found}
        if imports.keys() == left.keys():
            break
    assert sorted(imports) == []


def test_modules_are_short_and_start_with_what_they_hold() -> None:
    texts = {name_of(file): file.read_text(encoding="utf-8") for file in SCRIPTS}
    assert [name for name, text in texts.items() if text.count("\n") > MOST_LINES] == []
    assert [name for name, text in texts.items() if not text.startswith("/**")] == []


def test_lines_end_without_spaces() -> None:
    texts = {name_of(file): file.read_text(encoding="utf-8") for file in [*SCRIPTS, *STYLES]}
    assert [
        name for name, text in texts.items() if re.search(r"[ \t]$|\t", text, re.M) or not text.endswith("\n")
    ] == []


def test_text_becomes_markup_in_one_module_only() -> None:
    markup = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function")
    assert {name_of(file) for file in SCRIPTS if markup.search(code_of(file))} <= MARKUP


def test_no_element_has_a_style_attribute_in_markup() -> None:
    """The security policy of the page refuses them. An object in `style=${…}` sets properties."""
    assert [name_of(file) for file in SCRIPTS if re.search(r"""\bstyle=["']""", code_of(file))] == []


def test_colours_stand_in_one_style_sheet_and_one_module() -> None:
    files = [file for file in [*SCRIPTS, *STYLES] if name_of(file) not in ("tokens.css", "lib/colour.js")]
    wrong = [f"{name_of(file)}: {found[0]}" for file in files for found in COLOUR.finditer(colourful(code_of(file)))]
    assert wrong == []


def colourful(code: str) -> str:
    """Return code without the marks that look like colours: private fields, and ids in selectors and links."""
    return re.sub(r"this\.#\w+|&#\w+;|\"#/?\?|#page\b", "", code)


def test_every_variable_of_a_style_is_defined() -> None:
    defined = set(re.findall(r"(--[\w-]+)\s*:", "".join(code_of(file) for file in STYLES)))
    defined |= set(re.findall(r"[\"'`](--[\w-]+)[\"'`]", "".join(code_of(file) for file in SCRIPTS)))
    wrong = [
        f"{name_of(file)}: {name}"
        for file in [*STYLES, *SCRIPTS]
        for name in re.findall(r"var\((--[\w-]+)\)", code_of(file))
        if name not in defined
    ]
    assert wrong == []


def test_colours_of_canvases_are_those_of_the_style_sheet() -> None:
    tokens = (STATIC / "tokens.css").read_text(encoding="utf-8")
    module = (STATIC / "lib/colour.js").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r'(ground|panel|ink|soft|line): "(#\w+)"', block))
        for block in re.findall(r"^  (?:light|dark): \{ (.*) \},$", module, re.M)
    )
    assert light
    for token, colour in light.items():
        assert f"--{token}: light-dark({colour}, {dark[token]});" in tokens
