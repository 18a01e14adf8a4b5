"""A workspace with data, and a real server of its page, for tests in a browser."""

from __future__ import annotations

import http.client
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np
from asking import cookie_of
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

from bridge import Experiment, Run, Workspace
from bridge.server.portal_server import PortalServer
from bridge.server.roles import Role

PATIENCE_SECONDS = 60.0
"""How long a test waits for the page, on a busy machine."""


OF_THE_BROWSER = ("blob", "data", "about", "chrome", "chrome-extension")
"""Schemes of addresses that the browser answers itself. Its viewer of PDF files is an extension."""


@dataclass
class PortalSite:
    """A running server of a workspace's page.

    Attributes:
        workspace: the workspace. A test can log to it.
        address: the address of the home page, such as `http://127.0.0.1:4711/portal/`.
        cookie: the name and the value of the cookie that a signed-in browser sends.
        token: the token with which a test reads the API.
        process_id: the process of the server; that of the tests if it runs in a thread.
    """

    workspace: Workspace
    address: str
    cookie: tuple[str, str]
    token: str = ""
    process_id: int = 0

    @property
    def server(self) -> str:
        """The address of the server, without a slash at the end."""
        return self.address.removesuffix("/portal/")

    def sign_in(self, context: BrowserContext) -> None:
        """Give a browser the cookie, as the address with a code does."""
        name, value = self.cookie
        cookie: Any = {"name": name, "value": value, "url": self.address, "httpOnly": True, "sameSite": "Lax"}
        context.add_cookies([cookie])

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body of an answer to a program with the token."""
        return self.ask("GET", path, **headers)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send a request with the token, and return the status, the headers and the body of the answer.

        Args:
            method: the method.
            path: the path below `/portal/api`, such as `/home`.
            body: the body, sent as JSON.
            headers: more headers.
        """
        parts = urlsplit(self.address)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_SECONDS)
        sent = {"Authorization": f"Bearer {self.token}", "X-Runbridge": "1", **headers}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            connection.request(method, f"/portal/api{path}", data, sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()


@dataclass
class Problems:
    """The problems of a page: errors in its console, and requests to other hosts.

    Attributes:
        found: the problems, as sentences.
        accepted: patterns of problems that the test expects.
    """

    address: str
    found: list[str] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)

    def accept(self, pattern: str) -> None:
        """Expect problems that contain a pattern, such as a request that the server refuses on purpose."""
        self.accepted.append(pattern)

    def watch(self, page: Page) -> None:
        """Record the problems of a page."""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.found.append(f"error: {error.stack or error}"))
        page.on("request", self._on_request)

    def unexpected(self) -> list[str]:
        """Return the problems that the test does not expect."""
        return [problem for problem in self.found if not any(re.search(p, problem) for p in self.accepted)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":  # a violation of the content policy is one, too
            self.found.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Request) -> None:
        own = urlsplit(self.address)
        sent = urlsplit(request.url)
        if sent.scheme not in OF_THE_BROWSER and (sent.scheme, sent.netloc) != (own.scheme, own.netloc):
            self.found.append(f"request to another host: {request.url}")


@contextmanager
def portal_site(workspace: Workspace, role: Role = "admin") -> Iterator[PortalSite]:
    """Serve the page of a workspace in a thread of this process."""
    server = PortalServer(workspace.stores, 0, role)
    thread = server.run_in_thread()
    site = PortalSite(workspace, server.page, cookie_of(server), server.token)
    try:
        _wait_for(site)
        yield site
    finally:
        server.stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the server did not stop"


@contextmanager
def portal_process(workspace: Workspace, *options: str) -> Iterator[PortalSite]:
    """Serve the page of a workspace in a process of its own, with the command `runbridge ui`."""
    command = [sys.executable, "-m", "bridge", "ui", str(workspace.path), "--port", "0", "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"(http://127\.0\.0\.1:\d+)(/portal/\S*)", line)
            assert found, f"the command printed: {line!r}"
            connection = http.client.HTTPConnection(found[1].removeprefix("http://"), timeout=PATIENCE_SECONDS)
            connection.request("GET", found[2])
            answer = connection.getresponse()
            name, _, value = (answer.getheader("Set-Cookie") or "").partition(";")[0].partition("=")
            connection.close()
            yield PortalSite(workspace, f"{found[1]}/portal/", (name, value), process_id=process.pid)
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def _wait_for(site: PortalSite) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            site.get("/home")
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


Kind = Literal["numbers", "all"]


def fill(workspace: Workspace, folder: Path) -> dict[str, str]:
    """Write runs of every kind, and return their ids by name.

    The experiment `digits` has twelve ended runs with curves and params, one run with every kind of metric (`kinds`),
    one that failed (`failed`), one with child runs (`parent`), and one that is running (`running`).

    Args:
        workspace: an empty workspace.
        folder: a folder for temporary files.
    """
    digits = Experiment(workspace, "digits")
    digits.tag("mlflow.note.content", "Handwritten **digits**.\n\nSee [[gentle-crane]].")
    ids = {"experiment": digits.id}
    generator = np.random.default_rng(0)
    for number in range(12):
        ids[f"run{number}"] = _curves(digits, number, generator)
    ids["kinds"] = _every_kind(digits, folder, generator)
    ids["failed"] = _failed(digits)
    ids["parent"] = _with_children(digits)
    ids["running"] = _running(digits)
    return ids


def start(experiment: Experiment, name: str) -> Run:
    """Start a run that captures nothing of the tests."""
    run = experiment.start_logging(name, outputs=False, snapshot_directory=None)
    run.display_name = name
    return run


def _curves(experiment: Experiment, number: int, generator: np.random.Generator) -> str:
    run = start(experiment, f"curves-{number}")
    run.log_params({"lr": 10.0 ** -(1 + number % 4), "model": ("cnn", "mlp", "vit")[number % 3], "batch_size": 64})
    run.set_tags({"team": "vision" if number % 2 else "speech"})
    steps = np.arange(200)
    for part, level in (("train", 1.0), ("val", 1.2)):
        loss = level * np.exp(-steps / (20 + 5 * number)) + 0.05 * generator.random(200)
        run.log_series(f"{part}/loss", loss.tolist(), steps=steps.tolist())
        run.log_series(f"{part}/accuracy", (1 - loss / 2).tolist(), steps=steps.tolist())
    run.log("verdict", 0.9 + number / 200)
    run.complete()
    return run.id


def _every_kind(experiment: Experiment, folder: Path, generator: np.random.Generator) -> str:
    from PIL import Image

    run = start(experiment, "gentle-crane")
    run.description = "A run with **every** kind of metric."
    run.log_params({"lr": 0.0003, "optimizer": "adamw"})
    for step in range(50):
        run.log("loss", 1 / (1 + step), description="The loss of each step.", step=step)
    run.log("single", 0.5)
    run.log("odd", math.nan, step=0)
    run.log("odd", math.inf, step=1)
    run.log("odd", 2.0, step=2)
    for phase in ("warm-up", "train", "train", "test"):
        run.log("phase", phase)
    for done in (False, False, True):
        run.log("done", done)
    run.log_list("fibonacci", [1, 1, 2, 3, 5, 8, 13])
    for x in range(20):
        run.log_row("sine", x=x / 3, y=math.sin(x / 3))
    run.log_table("pairs", {"a": [3.0, 1.0, 2.0], "b": [1.0, 4.0, 9.0]})
    run.log_table("words", {"word": ["one", "two"], "count": [3, 4], "share": [0.4, 0.6]})
    for step in range(3):
        picture = folder / f"picture-{step}.png"
        pixels = generator.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(picture)
        run.log_image("sample", path=str(picture), description="A sample.")
    run.log_confusion_matrix(
        "confusion",
        {
            "schema_type": "confusion_matrix",
            "schema_version": "1.0.0",
            "data": {"class_labels": ["cat", "dog", "fox"], "matrix": [[8, 1, 1], [2, 7, 1], [0, 3, 9]]},
        },
    )
    for name, content in {
        "notes/readme.md": "# Read me\n\nA *file*.\n",
        "notes/values.json": '{"a": [1, 2, {"b": null}]}',
        "notes/rows.csv": "name,count\none,1\ntwo,2\n",
        "user_logs/std_log.txt": "".join(f"line {n} \x1b[32mgreen\x1b[0m\n" for n in range(2_000)),
    }.items():
        file = folder / name.replace("/", "-")
        file.write_text(content, encoding="utf-8")
        run.upload_file(name, str(file))
    run.complete()
    return run.id


def _failed(experiment: Experiment) -> str:
    run = start(experiment, "eager-bow")
    run.log_params({"lr": 0.01})
    run.log("loss", 3.0)
    try:
        raise ValueError("the loss is too high")
    except ValueError as error:
        run.fail(error)
    return run.id


def _with_children(experiment: Experiment) -> str:
    parent = start(experiment, "calm-arch")
    for number in range(3):
        child = parent.child_run(f"child-{number}")
        child.log("loss", 0.5 / (1 + number))
        child.complete()
    parent.complete()
    return parent.id


def _running(experiment: Experiment) -> str:
    run = start(experiment, "glad-bow")
    run.log_params({"lr": 0.002, "epochs": 10})
    for step in range(10):
        run.log("train/loss", 1 / (1 + step), step=step)
    return run.id
