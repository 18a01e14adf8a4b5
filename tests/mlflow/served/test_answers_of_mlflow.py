"""Requests that MLflow's application answers on our server get answers of the form of MLflow's own store."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlsplit

import mlflow
import pytest
from broken_requests import broken
from endpoints import Server
from good_requests import Request, good_requests, spellings
from hot_server import OverHttp
from served_workspaces import served

from bridge.server.plugin_routes import PluginOptions
from bridge.server.routes import RouteTable
from bridge.store.create import create_store
from bridge_mlflow.server import own_routes, routes

SEED = 31
PRINTABLE = "".join(map(chr, range(33, 127)))
BROKEN = 2

OPTIONS = PluginOptions(mlflow_groups=frozenset({"gateway"}))  # scorers name its endpoints
ALLOWED, OWN = RouteTable(routes(OPTIONS)), RouteTable(own_routes(OPTIONS))


class AtAddress(OverHttp):
    """A client of a server in another process."""

    def __init__(self, address: str) -> None:
        super().__init__(urlsplit(address).port or 0)

    def send(self, method: str, path: str, content_type: str | None, content: bytes) -> tuple[int, str, bytes]:
        """Send a request as the other side gets it. Other characters of the address than those of ASCII are quoted."""
        headers = {"x-mlflow-experiment-id": "0"} | ({"Content-Type": content_type} if content_type else {})
        self.connection.request(method, quote(path, safe=PRINTABLE), content, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()


def form(answer: Any) -> Any:
    """Return the names and the types in an answer. Of a list, only the first element counts."""
    if isinstance(answer, dict):
        return {key: form(value) for key, value in sorted(answer.items())}
    if isinstance(answer, list):
        return [form(one) for one in answer[:1]]
    return type(answer).__name__


def is_of_mlflow(request: Request) -> bool:
    """Return whether MLflow's application answers a request on our server as it stands, and sends nothing elsewhere."""
    path = urlsplit(request.path).path
    if path == "/graphql" or path.startswith("/gateway/"):
        return False
    return ALLOWED.find(request.method, path) is not None and OWN.find(request.method, path) is None


@pytest.mark.rules
@pytest.mark.slow
def test_answers_have_the_form_of_mlflows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_MODEL_CATALOG_URI", "")
    before = mlflow.get_tracking_uri()
    create_store(tmp_path / "demo", "demo")
    random, different, asked = Random(SEED), [], 0
    logging.disable(logging.ERROR)  # every invalid request logs an error
    try:
        theirs = Server(f"sqlite:///{tmp_path}/mlflow.db", f"{tmp_path}/artifacts")
        with (
            ExitStack() as stack,
            served({"demo": tmp_path / "demo"}, tmp_path / "server.log", "--allow-mlflow", "gateway") as server,
        ):
            ours = AtAddress(server.address)
            stack.callback(ours.connection.close)
            for number, request in enumerate(good_requests()[0]):
                for good in spellings(request)[:1]:
                    wrong = [broken(good, random) for _ in range(BROKEN)] if is_of_mlflow(good) else []
                    for one in [good, *wrong]:
                        answers = [side.ask(one, number) for side in (theirs, ours)]
                        if not is_of_mlflow(one):
                            continue
                        asked += 1
                        forms = [(answer["status"], form(answer["body"])) for answer in answers]
                        if forms[0] != forms[1]:
                            different.append((one, *forms, answers[1]["body"]))
    finally:
        logging.disable(logging.NOTSET)
        mlflow.set_tracking_uri(before)
    assert asked > 200
    assert different == []
