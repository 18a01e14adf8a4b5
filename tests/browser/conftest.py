"""A real `mlflow server` on a workspace, and a real Chromium in front of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from mlflow import MlflowClient
from PIL import Image
from playwright.sync_api import sync_playwright

from bridge import Experiment, Workspace

sys.path.insert(0, str(Path(__file__).parent))  # what is beside the tests

from visiting import Site, Visitor

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
REMEMBERED = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
localStorage.setItem("mlflow.detectIssues.guidanceShown_v1", "true");
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
"""
"""What a user's browser remembers: the view "Model training", a closed assistant and a hint that was read."""

SERVER_SECONDS = 90


def pytest_configure(config: pytest.Config) -> None:
    """Pass over what MLflow's own SQL models make SQLAlchemy say."""
    config.addinivalue_line("filterwarnings", "ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Debian's Chromium, which does not need Playwright's own download."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.fail("The browser tests need Chromium: install it with `apt-get install chromium`.", pytrace=False)
    return found


@pytest.fixture(scope="session")
def shots() -> Path:
    """Where pictures are kept: the folder named by BRIDGE_SCREENSHOTS."""
    folder = Path(os.environ.get("BRIDGE_SCREENSHOTS", "artifacts-ci")).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A workspace with two runs, one logged at both doors, shown by `mlflow server`."""
    folder = tmp_path_factory.mktemp("browser") / "demo"
    workspace = Workspace.create("demo", path=folder)
    uri = workspace.get_mlflow_tracking_uri()
    experiment_id, run_id, other_run_id = _log(workspace, MlflowClient(uri))
    log = folder.parent / "server.log"
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--backend-store-uri", uri],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder.parent,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(server, address, log)
        yield Site(folder, uri, experiment_id, run_id, other_run_id, log, address)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.fixture(scope="module")
def visitor(chromium: str, site: Site, shots: Path) -> Iterator[Visitor]:
    """A browser in front of the site; it reaches nothing else."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        context.add_init_script(f"if (location.protocol === 'http:') {{ {REMEMBERED} }}")
        context.route(lambda url: not url.startswith(site.address), lambda route: route.abort())
        visitor = Visitor(context.new_page(), site.address, shots)
        visitor.page.on("response", lambda answer: visitor.answers.append(answer))
        yield visitor
        browser.close()


def _log(workspace: Workspace, client: MlflowClient) -> tuple[str, str, str]:
    experiment = Experiment(workspace, "digits")
    run = experiment.start_logging(display_name="cnn")
    for step in range(30):
        run.log("loss", 1 / (step + 1))
        client.log_metric(run.id, "accuracy", 1 - 1 / (step + 2), step=step)
    client.log_param(run.id, "learning_rate", 0.015625)
    client.log_text(run.id, "written by a test\n", "notes/readme.txt")
    client.log_image(run.id, Image.new("RGB", (80, 60), "teal"), "images/teal.png")
    run.complete()
    other = client.create_run(experiment.id, run_name="svm").info.run_id
    client.log_metric(other, "accuracy", 0.75)
    client.set_terminated(other)
    return experiment.id, run.id, other


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"mlflow server did not answer; it said:\n{log.read_text()}", pytrace=False)
