"""The description of a server's routes in the format of OpenAPI 3.1, made from the route tables.

The bodies of the native API have complete schemas, from the type hints of the stores' methods. Other bodies are
described only as JSON or as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from bridge.server.routes import Route
from bridge.store.http.hints import REQUIRED, ArrayHint, Field, arguments_of, fields_of
from bridge.store.http.methods import METHODS

Schema = dict[str, Any]

PARAMETER = re.compile(r"\{(\w+)(:path)?\}")

SIMPLE: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
    ArrayHint: {"type": "integer", "description": "the index of a column of the frame"},
    Any: {},
}
"""The schemas of types without parts. Floats that JSON does not know are the texts NaN, Infinity and -Infinity."""

DEEPEST = 6
"""How deep records are described. Searches contain conditions that contain others."""


def description_of(routes: Iterable[Route], server_routes: Iterable[Route]) -> dict[str, Any]:
    """Return the description of the routes of a workspace, below `/w/{workspace}`, and of those of the server.

    Each operation has `x-runbridge-needs`, the role that it needs, and `x-runbridge-access`, which is `read` or
    `write`.
    """
    paths: dict[str, dict[str, Any]] = {}
    for prefix, listed in (("/w/{workspace}", routes), ("", server_routes)):
        for route in listed:
            path = PARAMETER.sub(r"{\1}", prefix + route.path)
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, prefix + route.path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Runbridge", "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(route: Route, path: str) -> dict[str, Any]:
    named = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name, _ in PARAMETER.findall(path)
    ]
    found: dict[str, Any] = {
        "parameters": named,
        "responses": {"default": {"description": "The answer, or an error with one sentence."}},
        "x-runbridge-needs": route.needs,
        "x-runbridge-access": route.access,
    }
    if route.needs is not None:
        found["security"] = [{"token": []}]
    if route.method in ("POST", "PUT", "PATCH"):
        found["requestBody"] = {"content": _content(route), "x-runbridge-most-bytes": route.body_bytes}
    return found


def _content(route: Route) -> dict[str, Any]:
    method = next((one for one in METHODS.values() if one.path == route.path), None)
    if method is not None:
        return {"application/json": {"schema": _record(arguments_of(method.function)[0], DEEPEST)}}
    if route.body_bytes is None:
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    return {"application/json": {"schema": {"type": "object"}}}


def schema_of(hint: Any, depth: int = DEEPEST) -> Schema:
    """Return the schema of a type. Types that are not known, and those below a certain depth, have an empty schema."""
    if hint in SIMPLE:
        return SIMPLE[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(one, depth) for one in inner]}
    if depth <= 0:
        return {}
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": schema_of(inner[1], depth - 1)}
    if inner and isinstance(origin, type) and not hasattr(origin, "__dataclass_fields__"):
        return {"type": "array", "items": schema_of(inner[0], depth - 1)}
    try:
        fields = fields_of(hint)
    except (TypeError, AttributeError):  # it is no record
        return {}
    if isinstance(hint, type) and issubclass(hint, tuple):
        return {"type": "array", "prefixItems": [schema_of(field.hint, depth - 1) for field in fields.values()]}
    return _record(fields, depth - 1)


def _record(fields: Mapping[str, Field], depth: int) -> Schema:
    properties = {name: schema_of(field.hint, depth) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.default is REQUIRED]
    return {"type": "object", "properties": properties, "required": required}
