"""Requests that are drawn from the description of the routes, and then broken, are all answered with one sentence.

`RUNBRIDGE_LONG=50` sends 100,000 of them, each time other ones.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from fuzzer import Fuzzer, prepare
from loaded_server import Client
from longer import LONG, SCALE
from native_calls import OURS
from served_workspaces import ServedBySubprocess, served
from unsupported import is_unsupported

from bridge.server.openapi import description_of
from bridge.server.plugin_routes import PluginOptions
from bridge.store.create import create_store
from bridge_mlflow.server import own_routes

pytestmark = pytest.mark.slow

ANSWERED = {route.path for route in own_routes(PluginOptions(mlflow="off"))}
REQUESTS = 2_000 * SCALE
ANSWER_SECONDS = 30.0
SEED = 20_261_128


def test_every_request_is_answered(tmp_path: Path) -> None:
    stores = create_store(tmp_path / "demo", "demo")
    prepare(stores)
    stores.close()
    seed = int(time.time()) if LONG else SEED
    with served({"demo": tmp_path / "demo"}, tmp_path / "log", "--mlflow", "off") as server:
        client = Client(server.at("demo"))
        runs = [client.new_run() for _ in range(3)]
        client.log(runs[0], "loss", list(range(50)))
        description = json.loads(Client(server.address).ask("GET", "/api/bridge/openapi.json")[2])
        fuzzer = Fuzzer(description, seed, [*runs, "ours", "0", OURS, "loss"], ANSWERED)
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
