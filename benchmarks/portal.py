"""Measure what the experiment page costs the browser and the server. The yardstick is MLflow's page of the same runs.

Both pages show one workspace. The costs are processor time of all processes of the browser, or of the server.
Without Chromium, nothing is measured. At the size tiny, MLflow's server is not started.
"""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.harness.command import Options, main
from benchmarks.harness.places import fold, new_workspace, tracking_of
from benchmarks.harness.rows import Row, at_most, value_at_most
from bridge import Experiment, Run, Workspace
from bridge.records.run import RunChanges, RunRecord, new_run_id
from bridge.records.series import Point

METRICS = [f"{part}/metric{number}" for part in ("train", "val") for number in range(10)]
WRITERS, LIVE_METRICS = 50, METRICS[:10]
CHROMIUM = ("chromium", "chromium-browser", "chromium-headless-shell")  # first with windows, as people use it
FLAGS = ["--no-sandbox", "--disable-gpu"]
PATIENCE_MS = 120_000
IDLE_SECONDS = 1.0

OUR_ROWS = (
    "() => document.querySelectorAll('.table-row').length > 5 &&"
    " (document.querySelector('.lines-plot')?.plot?.lines.length > 0 || document.querySelector('.bar'))"
)
"""Rows and the first chart. MLflow's page has only rows then."""

THEIR_ROWS = "() => document.querySelectorAll('.ag-center-cols-container [role=row]').length > 5"
MODEL_TRAINING = """localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');"""


def make(options: Options, count: int) -> tuple[Workspace, Experiment, list[Run]]:
    """Create a workspace with an experiment of many ended runs, and some runs that can still log."""
    workspace = new_workspace(options)
    experiment, tracking, draw = Experiment(workspace, "runs"), tracking_of(workspace), random.Random(1)
    run_ids = [new_run_id() for _ in range(count)]
    for at in range(0, count, 500):
        records = [
            RunRecord(
                run_id,
                experiment.id,
                display_name=f"run-{at + place}",
                start_time=1_700_000_000_000 + at + place,
                params={"lr": str(10.0 ** -(place % 5)), "model": "abc"[place % 3]},
                tags={"mlflow.user": "ada"},
            )
            for place, run_id in enumerate(run_ids[at : at + 500])
        ]
        tracking.create_runs(records)
    for run_id in run_ids:
        tracking.log_points(run_id, [Point(key, draw.random(), 1, step) for step in (0, 1) for key in METRICS])
    for at in range(0, count, 500):
        tracking.update_runs(run_ids[at : at + 500], RunChanges(status="Completed", end_time=1_700_000_100_000))
    fold(workspace)
    runs = [experiment.start_logging(f"live-{n}", outputs=False, snapshot_directory=None) for n in range(WRITERS)]
    for run in runs:  # the newest runs are those in the charts
        for key in METRICS:
            run.log_series(key, [draw.random() for _ in range(1_000)], steps=list(range(1_000)))
    fold(workspace)
    return workspace, experiment, runs


@contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a server, and end it afterwards."""
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as started,
    ):
        try:
            yield started
        finally:
            for worker in psutil.Process(started.pid).children(recursive=True):
                worker.terminate()
            started.terminate()
            started.wait(30)


def our_address(server: subprocess.Popen[str]) -> str:
    """Return the address that the command prints, with its code for one use."""
    assert server.stdout is not None
    return next(word for line in server.stdout for word in line.split() if word.startswith("http://"))


def wait_for(address: str) -> None:
    """Wait until a server answers."""
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"{address} does not answer")


def browser_times() -> dict[int, float]:
    """Return the processor time of each process of the browser so far."""
    times = {}
    for one in psutil.Process().children(recursive=True):
        try:
            if "chrom" in one.name():
                times[one.pid] = sum(one.cpu_times()[:2])
        except psutil.Error:
            continue
    return times


def seconds_since(before: dict[int, float]) -> float:
    """Return the processor time of the browser since `before`, without processes that have ended."""
    return sum(spent - before.get(one, 0.0) for one, spent in browser_times().items())


def settle() -> None:
    """Wait until the browser is idle.

    A new page is there before its processes have started: they then need up to 0.5 s of processor time.
    """
    for _ in range(60):
        before = browser_times()
        time.sleep(IDLE_SECONDS)
        if seconds_since(before) < 0.05:
            return
    raise RuntimeError("The browser does not become idle")


def first_rows(browser: Browser, address: str, ready: str, prepare: Callable[[Page], object], size: str) -> float:
    """Return the processor time of the browser until a page of a new profile has rows.

    If the size is "tiny", the number means nothing, so it is measured on a busy machine too.
    """
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = context.new_page()
        prepare(page)
        page.goto("about:blank")
        if size != "tiny":
            settle()
        before = browser_times()
        page.goto(address)
        page.wait_for_function(ready, timeout=PATIENCE_MS)
        return seconds_since(before)
    finally:
        context.close()


def live_costs(page: Page, server: int, runs: list[Run], seconds: float) -> tuple[float, float]:
    """Return the shares of one core that browser and server need while runs log ten metrics a second, in percent."""
    stop = threading.Event()

    def write() -> None:
        step = 1_000
        while not stop.wait(1.0):
            for run in runs:
                for key in LIVE_METRICS:
                    run.log(key, random.random(), step=step)
            step += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        # The server first reads the names of all series in the writer's journal: once, for some seconds.
        page.wait_for_timeout(8_000)
        for _ in range(3):  # on a busy machine it takes longer, and the page would have nothing to do
            page.wait_for_event("requestfinished", lambda request: "/table" in request.url, timeout=PATIENCE_MS)
        spent, began, before = psutil.Process(server).cpu_times(), time.monotonic(), browser_times()
        page.wait_for_timeout(seconds * 1000)
        passed, browser = time.monotonic() - began, seconds_since(before)
        now = psutil.Process(server).cpu_times()
    finally:
        stop.set()
        thread.join()
    return 100 * browser / passed, 100 * (now.user + now.system - spent.user - spent.system) / passed


def rows(options: Options) -> Iterator[Row]:
    chromium = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if chromium is None:
        print("Chromium is not installed, so the page is not measured.")
        return
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    count = options.pick(20, 10_000, 10_000)
    workspace, experiment, runs = make(options, count)
    path = f"experiments/{experiment.id}"
    with ExitStack() as stack:
        stack.callback(workspace.close)  # at the end, so that nothing writes to the folder while it is removed
        for run in runs:
            stack.callback(run.complete)
        ui = [sys.executable, "-m", "bridge", "ui", str(workspace.path), "--port", "0", "--no-browser"]
        server = stack.enter_context(process(ui, options.folder / "ui.log"))
        link = our_address(server)
        home = link.split("/portal/", maxsplit=1)[0] + "/portal/"
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium, args=FLAGS)
        stack.callback(browser.close)
        signed_in = browser.new_context(viewport={"width": 1440, "height": 900})
        page = signed_in.new_page()
        page.goto(link)
        page.get_by_role("heading", level=1).wait_for()  # the address has set the cookie
        cookies = signed_in.cookies()
        page.goto("about:blank")  # the signs of running runs are animated, which costs processor time

        def ours() -> float:
            given = lambda page: page.context.add_cookies(cookies)  # noqa: E731
            return first_rows(browser, home + path, OUR_ROWS, given, options.size)

        theirs: list[float] = []
        own = [ours()]
        if options.size != "tiny":
            port = "5931"
            command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", port]
            uri = workspace.get_mlflow_tracking_uri()
            stack.enter_context(process([*command, "--backend-store-uri", uri], options.folder / "mlflow.log"))
            address = f"http://127.0.0.1:{port}"
            wait_for(address)
            own.clear()
            for _ in range(options.repeats(3)):
                page_of = f"{address}/#/experiments/{experiment.id}/runs"
                given = lambda page: page.add_init_script(MODEL_TRAINING)  # noqa: E731
                theirs.append(first_rows(browser, page_of, THEIR_ROWS, given, options.size))
                own.append(ours())
        name = f"browser until the first rows and chart of {count:,} runs; MLflow's page: until its first rows"
        reference = statistics.median(theirs) if theirs else None
        yield Row("2", name, statistics.median(own), "s", "MLflow's page", reference, bar=at_most(1 / 3), durability="")
        page.goto(home + path)
        page.wait_for_function(OUR_ROWS, timeout=PATIENCE_MS)
        shares = live_costs(page, server.pid, runs, options.pick(2.0, 15.0, 30.0))
        for part, share in zip(("browser", "server"), shares, strict=True):
            name = f"{part} while {WRITERS} runs log {len(LIVE_METRICS)} metrics a second"
            yield Row("4", name, share, "% of one core", bar=value_at_most(10), durability="")


if __name__ == "__main__":
    main(__doc__, rows)
