"""No import cycle outside `bridge.handles`, imports inside functions included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grimp

PACKAGES = ("bridge", "bridge_azureml", "bridge_jupyter", "bridge_mlflow")
HANDLES = "bridge.handles."
"""`Workspace`, `Experiment` and `Run` return each other, so their modules may import each other."""


def cycles(imports: Mapping[str, Sequence[str]]) -> list[set[str]]:
    """Return the sets of modules that import each other, directly or through others (Tarjan's algorithm)."""
    found: list[set[str]] = []
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    path: list[str] = []

    def visit(module: str) -> None:
        number[module] = lowest[module] = len(number)
        path.append(module)
        for other in imports[module]:
            if other not in number:
                visit(other)
            if other in path:
                lowest[module] = min(lowest[module], lowest[other])
        if lowest[module] == number[module]:
            start = path.index(module)
            found.append(set(path[start:]))
            del path[start:]

    for module in imports:
        if module not in number:
            visit(module)
    return [modules for modules in found if len(modules) > 1]


def test_only_handles_import_each_other() -> None:
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=True, cache_dir=None)
    imports = {module: sorted(graph.find_modules_directly_imported_by(module)) for module in sorted(graph.modules)}
    assert "bridge.handles.run" in imports and "bridge_mlflow.translate" in imports
    outside = [one for one in cycles(imports) if not all(module.startswith(HANDLES) for module in one)]
    assert not outside, f"these modules import each other: {[sorted(one) for one in outside]}"


def test_a_cycle_is_found_however_long_it_is() -> None:
    imports = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": [], "f": ["g", "a"], "g": ["f"]}
    assert sorted(map(sorted, cycles(imports))) == [["a", "b", "c"], ["f", "g"]]
