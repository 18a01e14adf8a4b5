"""Show runs in TensorBoard.

Metrics of runs are exported as event files. Event files that runs have stored below `logs/` are copied.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path

from bridge import BridgeError, Experiment, InvalidState, NotFound, Run, StoreUnavailable
from bridge.journal.system import is_of_handler
from bridge.records.series import COLUMN, SCALAR
from bridge.store.history import in_log_order
from bridge.store.one_run import get_series
from bridge_azureml.events import EventWriter

own_logger = logging.getLogger("bridge.azureml")

LOGS = "logs"
MIRROR_SECONDS = 5.0
START_SECONDS = 60.0


def export_to_tensorboard(
    run_data: Run | Experiment | Iterable[Run],
    logsdir: str | os.PathLike[str],
    logger: logging.Logger | None = None,
    recursive: bool = True,
) -> None:
    """Write event files of TensorBoard with the numbers that runs have logged. The runs need not have ended.

    The folder of a run has the run's id as its name. TensorBoard shows each metric under its key, and each column of a
    table as `<metric>/<column>`. Text is not exported. If a run is exported again, its files are replaced.

    Args:
        run_data: a run, a list of runs, or an experiment. All runs of an experiment are exported.
        logsdir: the folder, created if absent.
        logger: gets a message for each run.
        recursive: whether to export the child runs too.
    """
    for run in _all_of(run_data, recursive):
        folder = Path(logsdir) / run.id
        for old in folder.glob("events.out.tfevents.*.runbridge"):
            old.unlink()
        points = sorted(_points_of(run), key=lambda point: point[3])
        with EventWriter(folder, points[0][3] if points else time.time()) as writer:
            for tag, value, step, seconds in points:
                writer.add_scalar(tag, value, step, seconds)
        (logger or own_logger).info("Exported %s points of run %s to %s", len(points), run.id, folder)


def _all_of(run_data: Run | Experiment | Iterable[Run], recursive: bool) -> Iterator[Run]:
    if isinstance(run_data, Experiment):
        yield from run_data.get_runs(include_children=recursive)
        return
    seen = set()
    for run in [run_data] if isinstance(run_data, Run) else run_data:
        for one in (run, *(run.get_children(recursive=True) if recursive else ())):
            if one.id not in seen:
                seen.add(one.id)
                yield one


def _points_of(run: Run) -> Iterator[tuple[str, float, int, float]]:
    """Yield (tag, value, step, seconds since 1970) of every number. The tag is the name that TensorBoard shows."""
    for record in get_series(run.place.stores.tracking, run.id):
        if record.kind not in (SCALAR, COLUMN) or record.numbers is None:
            continue
        tag = f"{record.key}/{record.column}" if record.kind == COLUMN else record.key
        _, series = in_log_order([record])
        for step, milliseconds, value in zip(*(column.tolist() for column in series), strict=True):
            yield tag, float(value), step, milliseconds / 1000


class Tensorboard:
    """A TensorBoard process that shows the event files of runs, even while the files grow.

    Args:
        runs: a run or several. Until `stop` is called, their files below `logs/` are copied to
            `<local_root>/<run id>/` whenever they change.
        local_root: a folder; None is a temporary folder, which `stop` removes.
        port: the port of TensorBoard's page.
        use_display_name: whether the folders are named by the display names of the runs instead of their ids.

    Source: Azure ML SDK v1, `azureml.tensorboard.Tensorboard`.
    """

    def __init__(
        self,
        runs: Run | Iterable[Run],
        local_root: str | os.PathLike[str] | None = None,
        port: int = 6006,
        use_display_name: bool = False,
    ) -> None:
        self._runs = [runs] if isinstance(runs, Run) else list(runs)
        self._local_root = None if local_root is None else Path(local_root)
        self._port = port
        self._use_display_name = use_display_name
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self, start_browser: bool = False) -> str:
        """Start TensorBoard, wait until its page can be loaded, and print and return the URL of the page.

        Raises:
            NotFound: the package `tensorboard` is not installed.
            InvalidState: this object has already started TensorBoard.
            StoreUnavailable: TensorBoard does not start, for example because another process uses the port.
        """
        if self._process is not None:
            raise InvalidState("Tensorboard", str(self._port), "started", "stopped")
        _check_installed()
        self._check_port()
        self._root = self._local_root or Path(tempfile.mkdtemp(prefix="runbridge_tensorboard_"))
        self._root.mkdir(parents=True, exist_ok=True)
        self._stopping.clear()
        self._mirror()
        self._output = tempfile.TemporaryFile()
        words = ["-m", "tensorboard.main", "--logdir", str(self._root), "--port", str(self._port)]
        self._process = subprocess.Popen(
            [sys.executable, *words, "--reload_interval", "5"], stdout=self._output, stderr=subprocess.STDOUT
        )
        self._finalizer = weakref.finalize(self, _end, self._process)
        url = self._wait_until_it_answers()
        self._thread = threading.Thread(target=self._keep_mirroring, name="tensorboard-mirror", daemon=True)
        self._thread.start()
        print(url)
        if start_browser:
            import webbrowser

            webbrowser.open(url)
        return url

    def stop(self) -> None:
        """Stop TensorBoard. Further calls change nothing."""
        if self._process is None:
            return
        self._stopping.set()
        self._finalizer()
        self._process = None
        self._output.close()
        if getattr(self, "_thread", None) is not None:
            self._thread.join()
        if self._local_root is None:
            shutil.rmtree(self._root, ignore_errors=True)

    @property
    def _url(self) -> str:
        return f"http://localhost:{self._port}/"

    def _check_port(self) -> None:
        """Raise an error if another program answers at the port. `start` could mistake that program for TensorBoard."""
        try:
            socket.create_connection(("localhost", self._port), 1).close()
        except (OSError, OverflowError) as error:
            if is_of_handler(error):
                raise
        else:
            raise StoreUnavailable(f"TensorBoard at {self._url}", "another program uses the port: choose another one")

    def _wait_until_it_answers(self) -> str:
        import requests

        url = self._url
        until = time.monotonic() + START_SECONDS
        assert self._process is not None
        while time.monotonic() < until and self._process.poll() is None:
            try:
                requests.get(url, timeout=1)
                return url
            except requests.RequestException:
                time.sleep(0.1)
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        self.stop()
        raise StoreUnavailable(f"TensorBoard at {url}", lines[-1] if lines else "it did not answer in time")

    def _keep_mirroring(self) -> None:
        trouble = ""
        while not self._stopping.wait(MIRROR_SECONDS):
            try:
                self._mirror()
                trouble = ""
            except (BridgeError, OSError) as error:
                if trouble != str(error):
                    trouble = str(error)
                    own_logger.warning("TensorBoard does not show new files at the moment: %s", trouble)

    def _mirror(self) -> None:
        for run in self._runs:
            artifacts, root = run.place.stores.artifacts, run.place.root()
            folder = self._root / (_folder_name(run.display_name) if self._use_display_name else run.id)
            for record in artifacts.list(root, LOGS, recursive=True):
                target = folder / record.path.removeprefix(f"{LOGS}/")
                if not target.exists() or target.stat().st_size != record.size_bytes:
                    artifacts.download(root, record.path, target)


def _folder_name(display_name: str) -> str:
    """Convert a display name to a relative path that does not lead out of its folder."""
    parts = [part for part in display_name.split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "unnamed"


def _check_installed() -> None:
    import importlib.util

    if importlib.util.find_spec("tensorboard") is None:
        hint = "install it with pip install tensorboard; export_to_tensorboard works without it"
        raise NotFound("package", "tensorboard", hint)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
