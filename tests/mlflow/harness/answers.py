"""Answers of calls on a tracking store, as plain values that can be compared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from deviations import DEVIATIONS
from mlflow.entities import Run, RunInputs, RunOutputs

SET = re.compile(r"\{('[^{}]*')\}")
"""A set in a message; its order differs from run to run."""


class Answers:
    """The answers of one store; `names` maps the store's own texts, such as its URI, to their replacements."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)

    def of(self, call: Callable[[], Any]) -> Any:
        """Return what a call returns or raises, as a plain value."""
        try:
            return self.plain(call())
        except Exception as error:
            code = getattr(error, "error_code", None)
            message = str(getattr(error, "message", error)).split(" Error: ")[0]
            message = SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", message)
            return {"error": type(error).__name__, "code": code, "message": self.plain(message)}

    def plain(self, value: Any) -> Any:
        """Return a value without objects, with this store's own texts replaced."""
        if isinstance(value, bytes):
            return {"bytes": value.decode()}
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self.number(value)
        if isinstance(value, (list, tuple)):
            token = getattr(value, "token", None)
            if token and value and isinstance(value[0], Run):
                token = "a token of runs"  # the stores have different ones; see `scope_and_pages/token`
            token = {"token": self.plain(token)} if token else {}
            items = [self.plain(item) for item in value]
            return {"items": items} | token if token else items
        if isinstance(value, dict):
            return {self.plain(key): self.plain(item) for key, item in value.items()}
        if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
            fields = dict(value) | _inherited(value) if hasattr(value, "__iter__") else vars(value)
            plain = {key: self.plain(item) for key, item in sorted(fields.items())}
            if isinstance(value, (RunInputs, RunOutputs)):
                plain = {key: sorted(items, key=str) for key, items in plain.items()}  # they have no order in MLflow
            return {"is": type(value).__name__} | plain
        return value

    def text(self, value: str) -> str:
        """Return a text with the store's own names replaced."""
        value = re.sub(r"^bridge:/(?=[^/])", "bridge:///", value)  # MLflow's URI join drops the slashes
        for name, placeholder in self.names.items():
            value = value.replace(name, placeholder).replace(json.dumps(name)[1:-1], placeholder)
        return value

    def number(self, value: int) -> Any:
        """Return an integer, which a subclass may replace."""
        return value


def _inherited(value: Any) -> dict[str, Any]:
    """Return the attributes that an MLflow entity inherits, which its iterator omits."""
    names = {
        name for parent in type(value).__mro__[1:] for name, of in vars(parent).items() if isinstance(of, property)
    }
    return {name: getattr(value, name) for name in names}


def difference(theirs: Any, ours: Any, where: str = "") -> str:
    """Return the path of the first difference of two plain answers, and both values."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        for key in theirs:
            if theirs[key] != ours[key]:
                return difference(theirs[key], ours[key], f"{where}.{key}")
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            if one != other:
                return difference(one, other, f"{where}[{index}]")
    return f"{where or 'the answer'}\n  MLflow: {theirs}\n  ours:   {ours}"


def check_same(table: str, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
    """Fail if two stores answered differently under a name that the table of deviations.toml does not list.

    Fail too if a listed line no longer differs.
    """
    differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    allowed = DEVIATIONS.get(table, {})
    unexpected = [name for name in differing if name not in allowed]
    shown = [f"{name}: {difference(theirs.get(name), ours.get(name))[:3000]}" for name in unexpected]
    assert not unexpected, "\n".join(shown)
    gone = allowed.keys() - set(differing)
    assert not gone, f"these no longer differ, take them out of deviations.toml: {gone}"
