"""Requests to MLflow's routes that are drawn, and clients that send the same requests to two servers."""

from __future__ import annotations

import http.client
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from broken_requests import ODD_VALUES, broken
from good_requests import Request, good_requests, part, spellings, target
from mlflow.protos import databricks_pb2, mlflow_artifacts_pb2, model_registry_pb2, service_pb2

from bridge.server.plugin_routes import PluginOptions
from bridge.server.routes import RouteTable
from bridge_mlflow.server import routes

PRINTABLE = "".join(map(chr, range(33, 127)))
GROUPS = ("gateway", "mcp")
"""The groups that the server opens. Scorers name endpoints of the gateway."""
ALLOWED = RouteTable(routes(PluginOptions(mlflow="off", mlflow_groups=frozenset(GROUPS))))
ANSWER_SECONDS = 60.0

KNOWN_FIELDS = {
    "name": ("<registered>", "<prompt>", "<experiment_name>", "scorer"),
    "version": ("<version>", "1", 1),
    "run_ids": ("<run>",), "run_uuid": ("<run>",), "source_run_id": ("<run>",),
    "experiment_ids": ("<experiment>", "0"),
    "trace_ids": ("<trace>",), "request_id": ("<trace>", "<old_trace>"), "request_ids": ("<trace>",),
    "metric_key": ("loss", "acc"), "key": ("a", "b", "loss", "mlflow.note.content", "mlflow.artifactLocation"),
    "max_results": (1, 2, 100),
    "filter": ("metrics.loss < 2", "name LIKE '%'", "tags.a = '1'", "attributes.start_time > 0"),
    "filter_string": ("name LIKE '%'", "trace.status = 'OK'"),
    "order_by": ("name", "start_time DESC", "metrics.loss"),
}  # fmt: skip
"""Values of fields, beside the text `<field>` without `_id`, which stands for a value of an earlier answer."""


class Answer(NamedTuple):
    """The answer of a server."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Client:
    """A client of one server, with the values that it was answered earlier.

    Args:
        address: the address of the server or of the workspace.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._prefix = parts.path
        self._connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=ANSWER_SECONDS)
        self.kept: dict[str, str] = {}

    def send(self, request: Request, number: int) -> Answer:
        """Send a request. Its placeholders stand for values of earlier answers of this server.

        Raises:
            ValueError: the request cannot be sent over HTTP.
        """
        path, content = target(request, self.kept | {"n": str(number)})
        headers = {"x-mlflow-experiment-id": "0", "Connection": "keep-alive"}
        headers |= {"Content-Type": request.content_type} if request.content_type else {}
        address = self._prefix + quote(path, safe=PRINTABLE, errors="replace")
        try:
            return self._sent(request.method, address, content, headers)
        except (ConnectionError, http.client.BadStatusLine):  # the server has closed the connection that was not used
            self._connection.close()
            return self._sent(request.method, address, content, headers)

    def _sent(self, method: str, address: str, content: bytes, headers: dict[str, str]) -> Answer:
        self._connection.request(method, address, content, headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, dict(answer.headers), answer.read())

    def keep(self, request: Request, answer: Answer) -> None:
        """Remember the values of an answer that later requests name."""
        if not request.keep:
            return
        read = json.loads(answer.content)
        self.kept |= {name: str(found) for name, where in request.keep.items() if (found := part(read, where))}

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class MlflowFuzzer:
    """Draws requests: valid ones in an order in which each finds what it needs, broken ones, and ones of a schema.

    Args:
        seed: determines all requests.
    """

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self._good = [one for request in good_requests()[0] for one in spellings(request)[:1] if is_allowed(one)]
        self._messages = messages()

    def requests(self) -> Iterator[Request]:
        """Yield requests without end."""
        while True:
            for good in self._good:
                yield self._spelled(good)
                for _ in range(self.chance.randrange(3)):
                    near = good if self.chance.random() < 0.4 else self.chance.choice(self._good)
                    drawn = self._of_schema(near) if self.chance.random() < 0.4 else broken(near, self.chance)
                    if is_allowed(drawn):
                        yield self._spelled(replace(drawn, keep={}))

    def _spelled(self, request: Request) -> Request:
        if request.method == "GET" and self.chance.random() < 0.05:
            request = replace(request, method="HEAD", keep={})
        if request.path.startswith("/api/") and self.chance.random() < 0.5:
            return replace(request, path="/ajax-api/" + request.path.removeprefix("/api/"))
        return request

    def _of_schema(self, request: Request) -> Request:
        """Return a request to the same route, with a body that is drawn from the description of its message."""
        path = re.sub(r"<\w+>", "*", request.path)
        message = self._messages.get((request.method, path))
        if message is None:
            return broken(request, self.chance)
        body = self._message(message, 4)
        if isinstance(request.body, dict) and self.chance.random() < 0.7:
            body = request.body | body
        return replace(request, body=body)

    def _message(self, message: Any, depth: int) -> dict[str, Any]:
        often = self.chance.choice((0.15, 0.4, 0.9))
        chosen = [field for field in message.fields if self.chance.random() < often]
        return {field.name: self._field(field, depth) for field in chosen}

    def _field(self, field: Any, depth: int) -> Any:
        if self.chance.random() < 0.08:
            return self.chance.choice(ODD_VALUES)
        if field.is_repeated and not is_map(field):
            return [self._value(field, depth) for _ in range(self.chance.choice((0, 1, 1, 2, 3)))]
        return self._value(field, depth)

    def _value(self, field: Any, depth: int) -> Any:
        if is_map(field):
            return {self.chance.choice(("a", "", "key")): self._field(field.message_type.fields[1], depth - 1)}
        if field.message_type is not None:
            return self._message(field.message_type, depth - 1) if depth else {}
        if field.enum_type is not None:
            return self.chance.choice(field.enum_type.values).name
        if field.cpp_type == field.CPPTYPE_STRING and self.chance.random() < 0.75:
            return self.chance.choice((*KNOWN_FIELDS.get(field.name, ()), f"<{field.name.removesuffix('_id')}>", "a"))
        if field.cpp_type == field.CPPTYPE_STRING:
            return self.chance.choice([one for one in ODD_VALUES if isinstance(one, str)])
        if field.cpp_type == field.CPPTYPE_BOOL:
            return self.chance.random() < 0.5
        if field.cpp_type in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            return self.chance.choice((0.5, 0, -1, 1e308, math.inf, "NaN", "-Infinity"))
        return self.chance.choice((0, 1, 2, 5, -1, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63), "3"))


def is_allowed(request: Request) -> bool:
    """Return whether our server has the route of a request, and its answer sends nothing to another server."""
    path = urlsplit(request.path).path
    return not path.startswith("/gateway/") and ALLOWED.find(request.method, path) is not None


def is_map(field: Any) -> bool:
    """Return whether a field of a message is a map."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def messages() -> dict[tuple[str, str], Any]:
    """Return the description of the message of each route, by the method and the path with `*` for its parameters."""
    found = {}
    for module in (service_pb2, model_registry_pb2, mlflow_artifacts_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for endpoint in method.GetOptions().Extensions[databricks_pb2.rpc].endpoints:
                    path = re.sub(r"\{[^}]*\}|<[^>]*>", "*", endpoint.path)
                    found[endpoint.method, f"/api/{endpoint.since.major}.0{path}"] = method.input_type
    return found
