"""The types of the arguments, results and fields that are sent over HTTP, from the type hints of the interfaces.

Most modules import the types of their hints only for a type checker. So the names are resolved here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from types import GenericAlias, ModuleType, SimpleNamespace
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from bridge.records import artifact, experiment, page, run, search, series, views
from bridge.store import slices

REQUIRED = inspect.Parameter.empty
"""The default of a field or an argument that must be given."""


class ArrayHint:
    """The hint of a numpy array. It stands for numpy's class, so that reading hints does not load numpy."""

    def __class_getitem__(cls, item: Any) -> type[ArrayHint]:
        return cls


class Field(NamedTuple):
    """A field of a record, or an argument of a method: its type and its default."""

    hint: Any
    default: Any


def _names() -> dict[str, Any]:
    modules: tuple[ModuleType, ...] = (artifact, experiment, page, run, search, series, views, slices)
    names = {name: value for module in modules for name, value in vars(module).items() if name[:1].isupper()}
    return {
        **names,
        "Array": ArrayHint,
        "numpy": SimpleNamespace(ndarray=ArrayHint),
        "Value": Union[float, int, str, bool, None],  # noqa: UP007  # aliases are texts in their modules
        "Operand": Union[str, float, int, tuple[str, ...], None],  # noqa: UP007
    }


_NAMES = _names()


@cache
def arguments_of(function: Callable[..., Any]) -> tuple[Mapping[str, Field], Any]:
    """Return the arguments of a method of an interface by name, without `self`, and the type of its result."""
    hints = get_type_hints(function, localns=_NAMES)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return {one.name: Field(hints[one.name], one.default) for one in parameters}, hints["return"]


@cache
def fields_of(hint: Any) -> Mapping[str, Field]:
    """Return the fields of a dataclass or named tuple by name. `hint` may be a generic class with its argument."""
    record = get_origin(hint) or hint
    hints = get_type_hints(record, localns=_NAMES)
    if get_args(hint):
        hints = {name: _with_argument(one, get_args(hint)[0]) for name, one in hints.items()}
    if not dataclasses.is_dataclass(record):
        defaults = record._field_defaults
        return {name: Field(hints[name], defaults.get(name, REQUIRED)) for name in record._fields}
    return {one.name: Field(hints[one.name], _default_of(one)) for one in dataclasses.fields(record)}


def _with_argument(hint: Any, argument: Any) -> Any:
    """Replace the only type variable of a hint."""
    if isinstance(hint, TypeVar):
        return argument
    return hint[argument] if getattr(hint, "__parameters__", ()) and isinstance(hint, GenericAlias) else hint


def _default_of(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return REQUIRED if field.default_factory is dataclasses.MISSING else field.default_factory()
