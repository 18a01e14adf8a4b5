"""Our server over HTTP beside MLflow's server application, with the same requests."""

from __future__ import annotations

import http.client
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

from answers import Answers
from endpoints import Server, Servers
from good_requests import Request, part, target

from bridge.server.serve import serve_background
from bridge.store.workspace_stores import WorkspaceStores
from bridge_mlflow.server.hot.routes import hot_routes
from bridge_mlflow.server.hot.workspace import HotWorkspace

HOT = {(route.method, route.path) for route in hot_routes()}


class Application(Server):
    """MLflow's application on its own store."""

    def ask(self, request: Request, number: int) -> Any:
        """Return the answer of the application."""
        return _without_token(super().ask(request, number))


class OverHttp(Server):
    """A client of our server, which sends bytes and knows nothing of MLflow."""

    def __init__(self, port: int) -> None:
        Answers.__init__(self, {})
        self.kept: dict[str, str] = {}
        self.ids: dict[str, str] = {}
        self.status, self.endpoint = 0, ""
        self.connection = http.client.HTTPConnection("127.0.0.1", port)

    def ask(self, request: Request, number: int) -> Any:
        """Return the answer of the server: status, content type and body."""
        known = self.kept | {"n": str(number)}
        path, content = target(request, known)
        self.status, kind, data = self.send(request.method, path, request.content_type, content)
        self.ids = {}
        answer = json.loads(data) if kind.startswith("application/json") else data.decode()
        if self.status == 200:
            self.kept |= {name: str(found) for name, where in request.keep.items() if (found := part(answer, where))}
        return _without_token({"status": self.status, "type": kind, "body": answer})

    def send(self, method: str, path: str, content_type: str | None, content: bytes) -> tuple[int, str, bytes]:
        """Send a request; return the status, the content type and the body of the answer."""
        headers = {"Content-Type": content_type} if content_type else {}
        self.connection.request(method, path, content, headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()


def _without_token(answer: Any) -> Any:
    """Return an answer with a placeholder for the token of the next page, because each server has its own tokens."""
    if isinstance(answer["body"], dict) and "next_page_token" in answer["body"]:
        answer["body"]["next_page_token"] = "<token>"
    return answer


class HotServers(Servers):
    """MLflow's application on its own store, and our server; both must answer every request equally."""

    ours: OverHttp

    def __init__(self, folder: Path, stores: WorkspaceStores) -> None:
        self.steps = self.calls = self.drawn = 0
        self.deviations: set[str] = set()
        self.theirs = Application(f"sqlite:///{folder}/mlflow.db", f"{folder}/artifacts")
        self.server = serve_background([stores])
        self.server.__enter__()
        self.ours = OverHttp(self.server.port)

    def close(self) -> None:
        """Stop our server."""
        self.ours.connection.close()
        self.server.__exit__(None, None, None)

    def same_chance(self) -> ExitStack:
        chance = super().same_chance()
        chance.enter_context(mock.patch.object(HotWorkspace, "now", staticmethod(self.now)))
        chance.enter_context(mock.patch.dict(os.environ))
        return chance
