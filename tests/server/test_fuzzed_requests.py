"""Requests that are drawn from the description of the routes, and then broken, are all answered with one sentence.

`RUNBRIDGE_LONG=50` sends 100,000 of them, each time other ones.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from loaded_server import Client
from longer import LONG, SCALE
from served_workspaces import ServedBySubprocess, served
from unsupported import is_unsupported

from bridge.server.openapi import description_of
from bridge.store.create import create_store

pytestmark = pytest.mark.slow

REQUESTS = 2_000 * SCALE
ANSWER_SECONDS = 30.0
SEED = 20_261_128

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


class Fuzzer:
    """Draws requests.

    Args:
        description: the description of the server's routes.
        seed: determines all requests.
        known: ids that exist.
    """

    def __init__(self, description: dict[str, Any], seed: int, known: list[str]) -> None:
        self.chance = random.Random(seed)
        self._known = known
        self._operations = [
            (method.upper(), path, operation)
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
        ]

    def request(self) -> tuple[str, str, bytes | None, dict[str, str]]:
        """Return the method, the address, the body and the headers of a request."""
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
        return method, path, body, headers

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


def test_every_request_is_answered(tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo").close()
    seed = int(time.time()) if LONG else SEED
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as server:
        client = Client(server.at("demo"))
        runs = [client.new_run() for _ in range(3)]
        client.log(runs[0], "loss", list(range(50)))
        description = json.loads(Client(server.address).ask("GET", "/api/bridge/openapi.json")[2])
        fuzzer = Fuzzer(description, seed, [*runs, "0", "loss"])
        statuses = sent(server, fuzzer)
        assert server.process.poll() is None
        assert Client(server.address).ask("GET", "/readyz")[0] == 200
        assert psutil.Process(server.process.pid).num_threads() < 60
    log = (tmp_path / "log").read_text(errors="replace")
    assert "Traceback" not in log, (seed, log[-3_000:])
    print(seed, sorted(statuses.items()))
    assert statuses[200] > REQUESTS / 20 and statuses[400] > REQUESTS / 20, (seed, statuses)


def sent(server: ServedBySubprocess, fuzzer: Fuzzer) -> Counter[int]:
    """Send the requests, check each answer, and return how often each status came."""
    client, statuses, failed = Client(server.address), Counter[int](), list[str]()
    for number in range(REQUESTS):
        method, path, body, headers = fuzzer.request()
        shown = f"{number}: {method} {path[:300]} {(body or b'')[:500]!r} {headers}"
        try:
            status, answered, content = client.ask(method, path, body, **headers)
        except ValueError:  # the client itself refuses the request
            continue
        except (TimeoutError, ConnectionError) as error:
            raise AssertionError(f"{shown}: {error!r}") from error
        statuses[status] += 1
        if status >= 500 and not is_unsupported(path, status):
            failed.append(f"{shown}: {status} {content[:500]!r}")
        assert b"Traceback" not in content and b'File "' not in content, shown
        assert answered["X-Request-Id"], shown
        if status >= 400 and content.startswith(b'{"error"'):
            assert json.loads(content)["error"]["sentence"], shown
    assert not failed, f"{len(failed)} of {statuses}:\n" + "\n".join(failed[:30])
    return statuses


def test_the_description_contains_each_route_and_its_role() -> None:
    from bridge.server.native.routes import native_routes
    from bridge.server.portal.team import portal_routes

    routes = [*native_routes(), *portal_routes()]
    description = description_of(routes, ())
    assert json.loads(json.dumps(description)) == description
    found = sum(len(operations) for operations in description["paths"].values())
    assert found == len(routes)
    create = description["paths"]["/w/{workspace}/api/bridge/v1/create_experiment"]["post"]
    assert create["x-runbridge-needs"] == "writer" and create["x-runbridge-access"] == "write"
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name", "creation_time"] and schema["properties"]["name"] == {"type": "string"}
    point = description["paths"]["/w/{workspace}/api/bridge/v1/log_points"]["post"]["requestBody"]
    items = point["content"]["application/json"]["schema"]["properties"]["points"]["items"]
    assert items["type"] == "array" and items["prefixItems"][0] == {"type": "string"}
