"""Real servers of notebooks, JupyterLab and marimo, in an environment of their own, and their pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["jupyterlab>=4.4", "marimo>=0.14"]
PATIENCE_SECONDS = 60.0
TOKEN = "token-of-the-test"


def notebook_environment() -> Path:
    """Return the folder of the commands of an environment with JupyterLab and marimo; it is created once.

    It uses the other packages of this environment.
    """
    folder = ROOT / ".venv" / "notebooks"
    ready, wanted = folder / ".ready", f"{PACKAGES} {sys.version}"
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        here = folder / "lib" / version / "site-packages" / "packages_of_the_tests.pth"
        here.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*install, "--no-compile", *PACKAGES], check=True)
        ready.write_text(wanted, encoding="utf-8")
    return folder / "bin"


def notebook(cells: Sequence[str]) -> str:
    """Return the file of a Jupyter notebook with cells of code that were not run."""
    code: dict[str, Any] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    listed = [{**code, "id": f"cell-{at}", "source": source} for at, source in enumerate(cells)]
    return json.dumps({"cells": listed, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


@contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Yield the address of a JupyterLab whose root is a folder."""
    config = folder.parent / "jupyter"
    (config / "labconfig").mkdir(parents=True)
    news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (config / "labconfig" / "page_config.json").write_text(json.dumps(news), encoding="utf-8")
    places = {f"JUPYTER_{name}_DIR": str(config / name.lower()) for name in ("DATA", "RUNTIME")}
    places |= {"JUPYTER_CONFIG_DIR": str(config), "IPYTHONDIR": str(config / "ipython")}
    places["JUPYTER_PATH"] = str(Path(sys.prefix) / "share" / "jupyter")  # the extensions for widgets
    port = free_port()
    command = [
        notebook_environment() / "jupyter-lab", "--no-browser", "--allow-root", f"--port={port}",
        f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=None",
        "--ServerApp.port_retries=0", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    with _server(command, folder, places, f"http://127.0.0.1:{port}/api") as log:
        assert log.exists()
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def marimo(file: Path) -> Iterator[str]:
    """Yield the address of a marimo server that runs a notebook as an app."""
    port = free_port()
    command = [
        notebook_environment() / "marimo", "--yes", "run", file, "--headless", "--no-token", f"--port={port}"
    ]  # fmt: skip
    places = {name: str(file.parent / "marimo") for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    with _server(command, file.parent, places, f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def _server(command: Sequence[Any], folder: Path, more: Mapping[str, str], address: str) -> Iterator[Path]:
    """Run a server until the end of the block, and yield the path of its log once it answers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BRIDGE_", "JUPYTER"))}
    environment |= {**more, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins")))}
    environment |= {"BRIDGE_HOME": str(folder.parent / "home")}
    log = folder.parent / f"{Path(command[0]).name}.log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            _wait_until_it_answers(address, server, log)
            yield log
        finally:
            server.terminate()
            server.wait(30)


def _wait_until_it_answers(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            text = log.read_text(encoding="utf-8", errors="replace")
            assert server.poll() is None and time.monotonic() < end, text
            time.sleep(0.1)
