"""What a call on a tracking store answered, as plain values that can be compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from deviations import DEVIATIONS
from mlflow.entities import RunInputs, RunOutputs

SET = re.compile(r"\{('[^{}]*')\}")
"""A set in a message: its order is not the same twice."""


class Answers:
    """The answers of one store; `names` says by what the texts that are its own are replaced, such as its place."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = dict(names)

    def of(self, call: Callable[[], Any]) -> Any:
        """What a call answers or raises."""
        try:
            return self.plain(call())
        except Exception as error:
            code = getattr(error, "error_code", None)
            message = str(getattr(error, "message", error)).split(" Error: ")[0]
            message = SET.sub(lambda found: "{" + ", ".join(sorted(found[1].split(", "))) + "}", message)
            return {"error": type(error).__name__, "code": code, "message": self.plain(message)}

    def plain(self, value: Any) -> Any:
        """A value without objects, and with this store's own texts replaced."""
        if isinstance(value, bytes):
            return {"bytes": value.decode()}
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, float):
            return repr(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return self.number(value)
        if isinstance(value, (list, tuple)):
            token = {"token": self.plain(value.token)} if getattr(value, "token", None) else {}
            items = [self.plain(item) for item in value]
            return {"items": items} | token if token else items
        if isinstance(value, dict):
            return {self.plain(key): self.plain(item) for key, item in value.items()}
        if hasattr(value, "__dict__") or hasattr(value, "__slots__"):
            fields = dict(value) | _inherited(value) if hasattr(value, "__iter__") else vars(value)
            plain = {key: self.plain(item) for key, item in sorted(fields.items())}
            if isinstance(value, (RunInputs, RunOutputs)):
                plain = {key: sorted(items, key=str) for key, items in plain.items()}  # in MLflow they have no order
            return {"is": type(value).__name__} | plain
        return value

    def text(self, value: str) -> str:
        """A text with the store's own names replaced."""
        value = re.sub(r"^bridge:/(?=[^/])", "bridge:///", value)  # as MLflow's URI join leaves it
        for name, placeholder in self.names.items():
            value = value.replace(name, placeholder)
        return value

    def number(self, value: int) -> Any:
        """A whole number."""
        return value


def _inherited(value: Any) -> dict[str, Any]:
    """What an entity of MLflow's has from its parents, which it leaves out when it is iterated over."""
    names = {
        name for parent in type(value).__mro__[1:] for name, of in vars(parent).items() if isinstance(of, property)
    }
    return {name: getattr(value, name) for name in names}


def difference(theirs: Any, ours: Any, where: str = "") -> str:
    """The first place where two plain answers differ, with what each has there."""
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
    """Fail where two stores saw something else under a name, and the table of deviations.toml does not list it.

    A line that is listed and no longer differs fails too.
    """
    differing = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    allowed = DEVIATIONS.get(table, {})
    unexpected = [name for name in differing if name not in allowed]
    shown = [f"{name}: {difference(theirs.get(name), ours.get(name))[:3000]}" for name in unexpected]
    assert not unexpected, "\n".join(shown)
    gone = allowed.keys() - set(differing)
    assert not gone, f"these no longer differ, take them out of deviations.toml: {gone}"
