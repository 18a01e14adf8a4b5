"""Requests to the server's own routes that are drawn from their description, or are valid ones with changes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Container, Iterator
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from native_calls import CALLS, OURS, THEIRS, fill
from portal_requests import request_of

from bridge.records.run import RunChanges
from bridge.records.views import Column
from bridge.server.portal.routes import TABLE
from bridge.source.empty import EMPTY, SNAPSHOT_PROPERTY
from bridge.store.http.artifacts import FILES
from bridge.store.http.codec import dump_call
from bridge.store.http.methods import METHODS
from bridge.store.workspace_stores import WorkspaceStores

TEXTS = [
    "",
    "loss",
    "a" * 5_000,
    "../../etc/passwd",
    "..",
    "\0",
    "\x1b[31m",
    "ä😀",
    "'; DROP TABLE runs; --",
    "metrics.loss < 0.5 and params.model = 'cnn'",
    "attributes.status IN ('Completed')",
    "(" * 300,
    "%",
    "file:///etc",
    "bridge:///other/artifacts",
    "http://169.254.169.254/",
    "NaN",
    "-Infinity",
]
NUMBERS = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64, 10**40, 0.5, -0.0, 1e308]
QUERIES = [
    "runs", "run", "experiment", "key", "keys", "since", "filter", "order", "columns", "offset", "limit", "buckets",
    "x", "path", "run_id", "experiment_id", "metric_key", "page_token", "max_results", "start", "end", "q", "by", "of",
    "recursive", "root", "prefix", "name", "run_uuid", "artifact_path", "ids", "code", "next",
]  # fmt: skip
FIELDS = [
    *QUERIES, "value", "timestamp", "step", "metrics", "params", "tags", "changes", "confirm", "view", "experiment_ids",
    "run_ids", "order_by", "status", "run_name", "start_time", "end_time", "series", "groups", "artifact_location",
]  # fmt: skip
BROKEN = [
    b"",
    b"{",
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"value": NaN}',
    b'{"value": 1e400}',
    b'{"key": "\\ud800"}',
    b"\xff\xfe\x00",
    b"null",
    b"[]",
    b'"text"',
    b"1" * 5_000,
    b'{"run_id": 1, "run_id": 2}',
    b"\xa2\x00\x00\x00" + b"{" * 200,
    b"\xff\xff\xff\xff",
]


class Drawn(NamedTuple):
    """A request."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


OTHER_ARGUMENTS: dict[str, dict[str, Any]] = {
    "purge_experiment": {"experiment_id": THEIRS},
    "set_artifacts": {"root": f"{THEIRS}/theirs/artifacts"},
    "delete_artifacts": {"root": f"{THEIRS}/theirs/artifacts"},
    "group_runs": {"by": [Column("attribute", "status")], "of": [Column("metric", "loss-ours")]},
    "get_columns": {"columns": [Column("attribute", "status")]},
}
"""Arguments that replace those of `CALLS`."""


def prepare(stores: WorkspaceStores) -> None:
    """Create what the requests name."""
    fill(stores)
    for id, name in ((OURS, "ours"), (THEIRS, "theirs")):
        stores.tracking.update_runs([name], RunChanges(properties={SNAPSHOT_PROPERTY: EMPTY}))
        stores.tracking.set_experiment_tags(id, {"runbridge.view.view": f"q={name}", f"runbridge.short.{name}": name})
        stores.tracking.log(name, f"loss-{name}", 0.5, 1)
        stores.artifacts.put(f"{id}/{name}/artifacts", f"x-{name}.txt", b"x")
        stores.artifacts.put(f"{id}/{name}/artifacts", f"logs/{name}.txt", b"x")


def valid_requests(run: str) -> list[Drawn]:
    """Return requests that the server answers with 200, as long as what they name exists."""
    found = []
    for name, (arguments, _) in CALLS.items():
        arguments = {**arguments, **OTHER_ARGUMENTS.get(name, {})}
        body = dump_call(METHODS[name].function, arguments)
        headers = {"Content-Type": body.media_type}
        found += [Drawn("POST", "/w/demo" + METHODS[name].path, bytes(body.content), headers)] * 2
    for entry in TABLE:
        names = (THEIRS, "theirs") if entry.path == "/runs/purge" else (OURS, "ours")
        path, content = request_of(entry, *names)
        if entry.path == "/changes":  # a stream does not end
            continue
        body_of_page = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        found.append(Drawn(entry.method, "/w/demo/portal/api" + path, body_of_page, headers))
    return found + file_requests(f"{OURS}/ours/artifacts") + file_requests(f"0/{run}/artifacts")


def file_requests(root: str) -> list[Drawn]:
    """Return requests about a file of a run."""
    native, place = f"/w/demo{FILES}", f"root={quote(root, safe='')}&path=a%2Fb.txt"
    proxy = f"/w/demo/api/2.0/mlflow-artifacts/artifacts/{root}/a/b.txt"
    return [
        Drawn("PUT", f"{native}/content?{place}", b"some text" + sha256(b"some text").digest(), {}),
        Drawn("GET", f"{native}/content?{place}", None, {"Range": "bytes=2-5"}),
        Drawn("GET", f"{native}/record?{place}", None, {}),
        Drawn("POST", f"{native}/content?{place}&offset=9", b" and more", {}),
        Drawn("GET", f"{native}?root={quote(root, safe='')}", None, {}),
        Drawn("PUT", proxy, b"some text", {}),
        Drawn("GET", proxy, None, {}),
        Drawn("DELETE", f"{native}?{place}", None, {}),
    ]


def places_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a value of JSON, as its container and its key."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places_of(value[key])


class Fuzzer:
    """Draws requests.

    Args:
        description: the description of the server's routes.
        seed: determines all requests.
        known: ids that exist.
        answered: the paths of MLflow's routes that the server answers itself.
    """

    def __init__(self, description: dict[str, Any], seed: int, known: list[str], answered: Container[str]) -> None:
        self.chance = random.Random(seed)
        self._known = known
        self._valid = valid_requests(known[0])
        self._operations = [
            (method.upper(), path, operation)
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
            if "mlflow/" not in path or path.removeprefix("/w/{workspace}") in answered
        ]

    def request(self) -> Drawn:
        """Return a valid request, a changed one, or one that is drawn from the description."""
        if self.chance.random() < 0.5:
            return self._drawn()
        drawn = self.chance.choice(self._valid)
        method = "HEAD" if drawn.method == "GET" and self.chance.random() < 0.1 else drawn.method
        key = self.chance.getrandbits(128) if self.chance.random() < 0.9 else self.chance.randrange(3)
        headers = {**drawn.headers, "Idempotency-Key": f"{key:032x}"}
        drawn = drawn._replace(method=method, headers=headers)
        return drawn if self.chance.random() < 0.4 else self._changed(drawn)

    def _changed(self, drawn: Drawn) -> Drawn:
        """Return a request with another value at one place, or with a further parameter."""
        address, _, query = drawn.path.partition("?")
        if drawn.body is None or self.chance.random() < 0.2:
            pairs = [pair for pair in query.split("&") if pair and self.chance.random() < 0.7]
            pairs += [f"{self.chance.choice(QUERIES)}={quote(str(self._scalar()))[:4_000]}"]
            return drawn._replace(path=f"{address}?{'&'.join(pairs)}")
        try:
            value = json.loads(drawn.body)
        except ValueError:  # it is a frame
            body = bytearray(drawn.body)
            body[self.chance.randrange(len(body))] = self.chance.randrange(256)
            return drawn._replace(body=bytes(body))
        for _ in range(self.chance.choice([1, 1, 2])):
            places = list(places_of(value))
            if not places:
                break
            holder, key = self.chance.choice(places)
            holder[key] = self.chance.choice([self._scalar(), self._scalar(), [], {}, [self._scalar()], {"a": None}])
        return drawn._replace(body=json.dumps(value).encode())

    def _drawn(self) -> Drawn:
        """Return a request to a route of the description."""
        method, path, operation = self.chance.choice(self._operations)
        for parameter in operation["parameters"]:
            value = "demo" if parameter["name"] == "workspace" else self._segment(parameter["name"])
            path = path.replace(f"{{{parameter['name']}}}", value)
        if self.chance.random() < 0.5:
            names = self.chance.sample(QUERIES, self.chance.randint(1, 4))
            path += "?" + "&".join(f"{name}={quote(str(self._scalar()))[:4_000]}" for name in names)
        headers = {"Accept": "application/json"}
        body = None
        if "requestBody" in operation:
            body = self._body(operation["requestBody"]["content"])
            kinds = ["application/json", "application/vnd.runbridge.frame", "text/plain", "application/x-protobuf"]
            headers["Content-Type"] = self.chance.choices(kinds, [12, 2, 1, 1])[0]
        if self.chance.random() < 0.1:
            name = self.chance.choice(["Range", "If-None-Match", "Idempotency-Key", "Runbridge-Protocol", "X-A"])
            headers[name] = self.chance.choice(["bytes=5-1", "bytes=0-0", "*", "9" * 50, "-1", "ä", '"x"'])
        return Drawn(method, path, body, headers)

    def _segment(self, name: str) -> str:
        if self.chance.random() < 0.7:
            return {"run": self._known[0], "experiment": "0"}.get(name) or self.chance.choice(self._known)
        return self.chance.choice(["%2e%2e", "%00", "%ff", "a%2fb", "..", *(quote(text, safe="") for text in TEXTS)])

    def _scalar(self) -> Any:
        return self.chance.choice([*self._known, *TEXTS, *NUMBERS, None, True])

    def _body(self, content: dict[str, Any]) -> bytes:
        if self.chance.random() < 0.2:
            return self.chance.choice(BROKEN)
        schema = next(iter(content.values()))["schema"]
        value = self._value(schema) if "properties" in schema else self._object()
        text = json.dumps(value).encode()
        if self.chance.random() < 0.1:
            place = self.chance.randrange(len(text) + 1)
            text = text[:place] + self.chance.choice([b"", b"}", b'"', b"\0", b"9" * 30]) + text[place + 1 :]
        return text

    def _object(self) -> dict[str, Any]:
        names = self.chance.sample(FIELDS, self.chance.randint(0, 6))
        return {name: self.chance.choice([self._scalar(), [self._scalar()], {"key": self._scalar()}]) for name in names}

    def _value(self, schema: dict[str, Any]) -> Any:
        if self.chance.random() < 0.06:
            return self.chance.choice([self._scalar(), [], {}, [[]], {"": None}])
        if "anyOf" in schema:
            return self._value(self.chance.choice(schema["anyOf"]))
        if "enum" in schema:
            return self.chance.choice(schema["enum"])
        of_type: dict[str, Callable[[], Any]] = {
            "string": lambda: self.chance.choice([*self._known, *TEXTS]),
            "boolean": lambda: self.chance.random() < 0.5,
            "integer": lambda: self.chance.choice([n for n in NUMBERS if isinstance(n, int)]),
            "number": lambda: self.chance.choice([*NUMBERS, "NaN", "Infinity"]),
            "array": lambda: self._array(schema),
            "object": lambda: self._of_record(schema),
        }
        return of_type.get(schema.get("type", ""), lambda: None)()

    def _array(self, schema: dict[str, Any]) -> list[Any]:
        if "prefixItems" in schema:
            return [self._value(one) for one in schema["prefixItems"]]
        return [self._value(schema.get("items", {})) for _ in range(self.chance.randint(0, 3))]

    def _of_record(self, schema: dict[str, Any]) -> dict[str, Any]:
        if "properties" not in schema:
            return {self.chance.choice(TEXTS): self._value(schema.get("additionalProperties", {}))}
        required = schema.get("required", ())
        return {
            name: self._value(one)
            for name, one in schema["properties"].items()
            if name in required or self.chance.random() < 0.4
        }
