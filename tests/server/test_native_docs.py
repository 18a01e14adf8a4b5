"""The documentation of the native API lists every method with its role and its rule for tokens of one experiment."""

from __future__ import annotations

import re
from pathlib import Path

from bridge.server.files.native_routes import file_routes
from bridge.store.http.methods import METHODS

PAGE = Path(__file__).parents[2] / "docs/native_http_api.md"
SCOPES = {"arguments": "own", "result": "filtered", "journals": "journals", "any": "yes", "none": "no"}


def test_every_method_is_listed() -> None:
    text = PAGE.read_text()
    listed = re.findall(r"^\| `(\w+)` \| (reader|writer|admin) \| (\w+) \|$", text, re.MULTILINE)
    assert listed == [(name, method.needs, SCOPES[method.scope]) for name, method in METHODS.items()]


def test_every_route_of_files_is_listed() -> None:
    listed = set(re.findall(r"^\| `([A-Z]+) (/\S+)` ", PAGE.read_text(), re.MULTILINE))
    assert listed == {(route.method, route.path) for route in file_routes()}
