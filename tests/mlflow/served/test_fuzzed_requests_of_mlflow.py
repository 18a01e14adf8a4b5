"""Drawn requests to MLflow's routes fail on our server only where they fail on MLflow's own server, too.

`RUNBRIDGE_LONG=100` sends 40,000 of them, each time other ones.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fuzzed import ALLOWED, GROUPS, Answer, Client, MlflowFuzzer
from good_requests import Request, good_requests, spellings
from longer import LONG, SCALE
from served_workspaces import served
from serving import mlflow_server
from unsupported import is_unsupported

from bridge.server.plugin_routes import PluginOptions
from bridge.store.create import create_store
from bridge_mlflow.server import own_routes
from bridge_mlflow.server.groups import opened
from bridge_mlflow.server.table import allowed

pytestmark = [pytest.mark.rules, pytest.mark.slow]

REQUESTS = 400 * SCALE
SEED = 20_261_128
SETTINGS = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
    "MLFLOW_MODEL_CATALOG_URI": "",
}


def test_requests_fail_only_where_they_fail_at_mlflow(tmp_path: Path) -> None:
    create_store(tmp_path / "demo", "demo").close()
    seed = int(time.time()) if LONG else SEED
    theirs_at = (f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "mlflow.log", "--workers", "1")
    options = [word for group in GROUPS for word in ("--allow-mlflow", group)]
    with (
        served({"demo": tmp_path / "demo"}, tmp_path / "log", *options) as server,
        mlflow_server(
            *theirs_at, "--artifacts-destination", str(tmp_path / "files"), environment=SETTINGS
        ) as theirs_address,
        closing(Client(theirs_address)) as theirs,
        closing(Client(server.at("demo"))) as ours,
    ):
        failed, statuses = differences(theirs, ours, MlflowFuzzer(seed))
        assert server.process.poll() is None
    print(seed, sorted(statuses.items()))
    assert not failed, f"seed {seed}: {len(failed)} of {statuses}:\n" + "\n".join(failed[:30])
    log = (tmp_path / "log").read_text(errors="replace")
    unexpected = set(re.findall(r"The request \w+ to (\S+) failed", log)) & {
        one.path for one in own_routes(PluginOptions())
    }
    assert not unexpected, (seed, log[-3_000:])
    assert statuses[200] > REQUESTS / 4 and statuses[400] > REQUESTS / 10, (seed, statuses)


def differences(theirs: Client, ours: Client, fuzzer: MlflowFuzzer) -> tuple[list[str], Mapping[int, int]]:
    """Send the requests to both servers.

    Returns:
        The requests that failed only on our server, and how often our server answered with each status.
    """
    statuses, failed = Counter[int](), list[str]()
    for number, request in enumerate(islice(fuzzer.requests(), REQUESTS)):
        try:
            answers = [side.send(request, number) for side in (theirs, ours)]
        except ValueError:  # the client itself refuses the request
            continue
        except (OSError, HTTPException) as error:
            failed.append(f"{number}: {shown(request)}: {error!r}")
            break
        statuses[answers[1].status] += 1
        if problem := problem_of(request, *answers):
            failed.append(f"{number}: {shown(request)}: {problem}")
        if answers[0].status == answers[1].status == 200:
            for side, answer in zip((theirs, ours), answers, strict=True):
                side.keep(request, answer)
    return failed, statuses


def problem_of(request: Request, theirs: Answer, ours: Answer) -> str:
    """Return what is wrong with our server's answer to a request; an empty text if nothing is."""
    if ours.status >= 500 > theirs.status and not is_unsupported(request.path, ours.status):
        return f"{ours.status} instead of {theirs.status}: {ours.content[:500]!r}"
    if b"Traceback (most" in ours.content or b'File "' in ours.content:
        return f"{ours.status} with a traceback: {ours.content[:500]!r}"
    if "X-Request-Id" not in {name.title() for name in ours.headers}:
        return "the answer has no request id"
    return ""


def shown(request: Request) -> str:
    """Return a request as one line."""
    return f"{request.method} {request.path} {request.body!r} {request.content_type}"[:800]


def test_every_allowed_route_has_a_valid_request() -> None:
    asked = {(one.method, template_of(one)) for request in good_requests()[0] for one in spellings(request)}
    entries = [one for one in allowed() + opened(GROUPS) if not one.path.startswith("/gateway/")]
    assert len(entries) > 200
    assert {(one.method, page_of(one.path)) for one in entries} <= {(method, page_of(path)) for method, path in asked}


def template_of(request: Request) -> str:
    """Return the template of the route that answers a request; an empty text if the server does not know it."""
    found = ALLOWED.find(request.method, urlsplit(request.path).path)
    return found.route.path if found else ""


def page_of(path: str) -> str:
    """Return the path as MLflow's page asks for it, because MLflow answers some paths only below `/ajax-api`."""
    return path.replace("/api/", "/ajax-api/", 1) if path.startswith("/api/") else path
