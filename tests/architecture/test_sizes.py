"""Files, functions and the largest interface stay small."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import bridge
import bridge_azureml
import bridge_jupyter
import bridge_mlflow
from bridge.store.tracking import TrackingStore

BRIDGE = Path(bridge.__file__).parent
PLUGINS = [Path(str(plugin.__file__)).parent for plugin in (bridge_azureml, bridge_jupyter, bridge_mlflow)]

MOST_LINES = 400
RUN = "bridge/handles/run.py"
"""The file of the class `Run`, which may be longer: it has a docstring for each method."""

MEDIAN, USUAL, MOST = 5, 16, 43
"""Lines of a function's body without its docstring: at most the median, fewer for nine of ten, and at most for all."""
MOST_METHODS = 26


def sources() -> Iterator[tuple[str, str]]:
    """Yield the name and text of each of our files."""
    for folder in (BRIDGE, *PLUGINS):
        for path in sorted(folder.rglob("*.py")):
            yield str(path.relative_to(folder.parent)), path.read_text(encoding="utf-8")


def sizes() -> Iterator[tuple[int, str]]:
    """Yield the lines and the name of each function."""
    for name, text in sources():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
                yield (int(body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0), f"{name}: {node.name}"


def test_no_file_is_long() -> None:
    lines = {name: text.count("\n") for name, text in sources()}
    assert RUN in lines
    assert {name: count for name, count in lines.items() if count > MOST_LINES and name != RUN} == {}


def test_functions_are_short() -> None:
    functions = sorted(sizes())
    counts = [lines for lines, _ in functions]
    assert len(counts) > 2000
    assert statistics.median(counts) <= MEDIAN
    assert counts[int(0.9 * len(counts))] < USUAL
    assert [name for lines, name in functions if lines > MOST] == []


def test_a_tracking_store_has_few_methods() -> None:
    methods = [name for name in dir(TrackingStore) if not name.startswith("_")]
    assert len(methods) <= MOST_METHODS, methods
