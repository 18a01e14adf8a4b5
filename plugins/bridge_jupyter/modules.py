"""The JavaScript of the widget: one module that contains the text of all modules that it needs.

A notebook loads the text of one module and nothing else. So this module creates an address (`blob:`) for the text of
each further module, and imports them. They are the modules of the portal page, so there is no second copy.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path

from bridge.errors import NotFound
from bridge.server import vendor
from bridge.server.compact import compact_script, compact_style

OWN = Path(__file__).resolve().parent / "static"
PAGE = "runbridge/"
"""The start of the names under which the widget's modules import modules of the portal page."""

STYLES = ("tokens.css", "portal.css", "controls.css", "frame.css", "lines.css", "bars.css", "plot.css")
"""The style sheets of the page that the widget uses."""

IMPORT = re.compile(r"""((?:^|(?<=[;}\n]))\s*(?:import|export)\b(?:[\w$*{},\s]*\bfrom\b)?\s*)(["'])([^"'\n]+)\2""")
"""An import at the start of a statement, which is not in a comment. The third group is the imported name."""

ROOT = re.compile(r":root((?:\[[^\]]*\])*)")


def widget_module(own: Path = OWN, page: Path = vendor.STATIC) -> str:
    """Return the text of the module that a notebook loads.

    Raises:
        NotFound: the JavaScript packages of the page were not fetched, or a module does not exist.
    """
    if not vendor.is_fetched(page):
        raise NotFound("files", str(page / "vendor"), f"fetch them with `{vendor.COMMAND}`")
    modules: dict[str, str] = {}
    _add("own/view.js", own, page, modules)
    styles = [shadow_style(compact_style((page / name).read_text(encoding="utf-8"))) for name in STYLES]
    styles += [compact_style(path.read_text(encoding="utf-8")) for path in sorted(own.glob("*.css"))]
    loader = (own / "widget.js").read_text(encoding="utf-8")
    # JSON is valid JavaScript.
    return loader.replace("[/* modules */]", json.dumps(list(modules.items()))).replace(
        '"/* style */"', json.dumps("\n".join(styles))
    )


def shadow_style(text: str) -> str:
    """Return a style sheet of the page for a shadow tree, whose root is its host."""
    return ROOT.sub(lambda found: f":host({found[1]})" if found[1] else ":host", text)


def _add(name: str, own: Path, page: Path, modules: dict[str, str]) -> None:
    """Add the text of a module after those of all modules that it imports. Imports become the names of modules."""
    if name in modules:
        return
    path = own / name.removeprefix("own/") if name.startswith("own/") else page / name
    if not path.is_file():
        raise NotFound("module", str(path), "reinstall Runbridge")
    text = path.read_text(encoding="utf-8")
    if not name.startswith("vendor/"):
        text = compact_script(text)

    def renamed(found: re.Match[str]) -> str:
        imported = _resolved(found[3], name)
        _add(imported, own, page, modules)
        return f'{found[1]}"module:{imported}"'

    modules[name] = IMPORT.sub(renamed, text)


def _resolved(imported: str, importer: str) -> str:
    """Return the name of an imported module: `own/…` for modules of the widget, otherwise a path of the page."""
    if imported.startswith("."):
        return posixpath.normpath(posixpath.join(posixpath.dirname(importer), imported))
    if imported.startswith(PAGE):
        return imported.removeprefix(PAGE)
    return f"vendor/{vendor.imports()[imported]}"
