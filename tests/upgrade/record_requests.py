"""Record the requests of a client of this version, and the answers of its server.

    python tests/upgrade/record_requests.py tests/upgrade/requests-0.1.0.json

The recording belongs to the version that has made it, and is not made again for a later one.
A journaled workspace logs first, so that the recording has the requests of a training. Then every method is called.
"""

from __future__ import annotations

import http.client
import json
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bridge import Experiment, Workspace
from bridge.errors import BridgeError
from bridge.records.artifact import ArtifactRecord
from bridge.records.point_columns import PointColumns
from bridge.records.run import Lease, RunChanges, RunRecord
from bridge.records.search import Comparison, ExperimentQuery, Ordering, RunQuery
from bridge.records.series import Point
from bridge.records.views import Column
from bridge.server.serve import serve_background
from bridge.store.create import create_store
from bridge.store.http.artifacts import HttpArtifacts
from bridge.store.http.backend import HttpBackend
from bridge.store.http.methods import KEY_HEADER, PROTOCOL_HEADER, WORKSPACE_HEADER
from bridge.testing.slices import Entry, make_slice

HEADERS = ("Content-Type", PROTOCOL_HEADER, KEY_HEADER, WORKSPACE_HEADER, "Range")
"""The headers of a request that matter to the server."""


class Recorder(ThreadingHTTPServer):
    """A proxy that records requests and answers, and passes one request at a time.

    Attributes:
        exchanges: the recorded requests with their answers.
        port: the port of the server.
    """

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), Recording)
        self.port, self.exchanges, self.turn = port, list[dict[str, Any]](), threading.Lock()


class Recording(BaseHTTPRequestHandler):
    """Passes requests of one connection, and records them."""

    protocol_version = "HTTP/1.1"
    server: Recorder

    def do_POST(self) -> None:
        """Pass a request."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: self.headers[name] for name in HEADERS if name in self.headers}
        with self.server.turn:
            status, answered, body = send(self.server.port, self.command, self.path, headers, content)
            request = {"method": self.command, "path": self.path, "headers": headers, **content_of(content)}
            answer = {"status": status, "type": answered.get("content-type", ""), **content_of(body)}
            self.server.exchanges.append({"request": request, "answer": answer})
        self.send_response(status)
        for name, value in answered.items():
            if name in ("content-type", "etag", "x-sha256", PROTOCOL_HEADER.lower(), "accept-ranges", "content-range"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_POST

    def handle(self) -> None:
        """Answer the requests of a connection, which the client may reset."""
        with suppress(ConnectionResetError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def send(
    port: int, method: str, path: str, headers: Mapping[str, str], content: bytes
) -> tuple[int, dict[str, str], bytes]:
    """Send a request to a server of this computer, and return the status, the headers and the body of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def content_of(content: bytes) -> dict[str, str]:
    """Return a body as a part of JSON: as text if it is text, otherwise in base64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(content).decode()}
    return {"text": text} if "\0" not in text else {"base64": b64encode(content).decode()}


def log_as_a_training(address: str) -> str:
    """Use a workspace through its handles, and return the id of the run."""
    with Workspace.open(address) as workspace:
        run = Experiment(workspace, "vision").start_logging(outputs=False, snapshot_directory=None)
        for number in range(50):
            run.log("loss", 1 / (number + 1))
        run.log("epoch", 3)
        run.log("odd", float("nan"))
        run.log("note", "a text")
        run.log_row("point", x=1, y=0.5)
        run.log_list("list", [1, 2, 3])
        run.log_param("rate", 0.1)
        run.tag("team", "vision")
        run.flush()
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "notes.txt").write_text("some notes")
            run.upload_file("notes.txt", f"{folder}/notes.txt")
            run.download_file("notes.txt", f"{folder}/read.txt")
        child = run.child_run("child")
        child.log("loss", 2)
        child.complete()
        run.complete()
        run.get_metrics()
        return run.id


def call_every_method(address: str, run_id: str) -> None:
    """Call each method of the stores, and ask for each kind of answer and error."""
    store = HttpBackend(address)
    store.connection.workspace_id = store.find_workspace_id()
    call_experiments(store)
    call_runs(store, run_id)
    call_points(store)
    call_leases(store)
    call_views(store, run_id)
    call_files(store, run_id)
    for wrong in (lambda: store.get_experiment("77"), lambda: store.create_experiment("vision", 5)):
        with suppress(BridgeError):
            wrong()
    store.delete_runs(["second"], 9)
    store.restore_runs(["second"])
    store.delete_runs(["second"], 10)
    store.purge_runs(["second"])
    store.resume_purge()
    store.close()


def call_experiments(store: HttpBackend) -> None:
    made = store.create_experiment("texts", 1_700_000_000_000, None, {"a": "b", "empty": None})
    store.rename_experiment(made.id, "words", 1_700_000_000_001)
    store.set_experiment_tags(made.id, {"c": "d"}, ["a"])
    store.delete_experiment(made.id, 1_700_000_000_002)
    store.restore_experiment(made.id, 1_700_000_000_003)
    store.find_experiment("words")
    store.find_experiment("none")
    clause = Comparison("attribute", "name", "!=", "Default")  # the server's clock has its creation time
    store.search_experiments(ExperimentQuery((clause,), (Ordering("attribute", "name"),), "all", max_results=1))
    store.delete_experiment(made.id, 1_700_000_000_004)
    store.purge_experiment(made.id)


def call_runs(store: HttpBackend, run_id: str) -> None:
    first = RunRecord("first", "1", "one", status="Running", start_time=5, params={"rate": "1"}, tags={"a": "b"})
    second = RunRecord("second", "1", parent_id=run_id, type="azureml.scriptrun", properties={"p": "q"})
    store.create_runs([first, second], [Lease("first", "journal", 1)])
    store.update_runs(["first"], RunChanges(description="text", tags={"x": None}, removed_tags=("a",), warnings=("w",)))
    store.get_runs(["first", "second", "none"])
    store.get_active_runs(["first", "none"])
    store.check_writable("first")
    clause = Comparison("metric", "loss", "<", 1.5)
    query = RunQuery(("1",), (clause,), (Ordering("metric", "loss", True),), max_results=1)
    page = store.search_runs(query)
    store.search_run_ids(RunQuery(("0", "1"), max_results=1))
    store.search_datasets(["1"])
    assert page.items


def call_points(store: HttpBackend) -> None:
    store.log_points("first", [Point("a", 1.5, 7, 2), Point("text", "word", 8), Point("big", 2**60, 9)])
    store.log_points("first", PointColumns(("b",), b"\0" * 80, 5, None))
    entries = [Entry("first", "c", 1.0, 3, 4, 5), Entry("first", "c", float("inf")), Entry("first", "t", "word")]
    store.append([make_slice("journal", 0, 100, entries, (("first", "a warning"),))])
    store.get_receipts(["journal", "none"])
    store.get_series_of(["first"])
    store.get_series_of(["first"], ["a"])


def call_leases(store: HttpBackend) -> None:
    store.create_runs([RunRecord("script", "1", status="Starting", type="azureml.scriptrun")])
    with suppress(BridgeError):
        store.claim_run("script", Lease("script", "launcher", 2, 3))
    store.get_leases()
    store.end_unclaimed(5)
    store.end_leases({"launcher": 6}, ["journal"])


def call_views(store: HttpBackend, run_id: str) -> None:
    query, views = RunQuery(("1",)), store.views
    columns = [Column("metric", "loss"), Column("param", "rate"), Column("attribute", "status")]
    views.get_columns(query, columns, 0, 10)
    views.match(query)
    views.list_keys(["1"], limit=2)
    views.count_runs(query, columns[2])
    views.group_runs(query, columns[2:], columns[:1])
    views.sample_series([run_id, "first"], ["loss", "a"], 5)
    views.sample_series([run_id], ["loss"], 500, "time")
    views.list_series(run_id)
    views.get_tail({(run_id, "loss"): 40, ("first", "c"): -1})
    views.get_history(run_id, "loss", 10, 5)
    views.get_changes(None, ["1"])


def call_files(store: HttpBackend, run_id: str) -> None:
    root, files = f"1/{run_id}/artifacts", HttpArtifacts(store.connection)
    files.put(root, "a/b.bin", bytes(range(256)))
    for wrong in (lambda: files.put(root, "a/b.bin", b"other", replace=False), lambda: files.stat(root, "../x")):
        with suppress(BridgeError):
            wrong()
    files.append(root, "log.txt", b"first\n", 0)
    files.append(root, "log.txt", b"second\n")
    files.list(root)
    files.list(root, recursive=True)
    files.stat(root, "none")
    b"".join(files.get(root, "a/b.bin", 250))
    b"".join(files.get(root, "a/b.bin", 999))
    files.delete(root, "a/b.bin")
    store.set_artifacts(root, [ArtifactRecord("listed", 1, "0" * 64, 5)])
    store.find_artifact(root, "listed")
    store.list_artifacts(root, recursive=True)
    store.delete_artifacts(root, "listed")


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stores = create_store(Path(folder) / "demo", "demo")
        with serve_background([stores]) as server, Recorder(server.port) as recorder:
            threading.Thread(target=recorder.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{recorder.server_port}"
            call_every_method(address, log_as_a_training(address))
            recorder.shutdown()
        stores.close()
    recorded = {"workspace": stores.id, "exchanges": recorder.exchanges}
    target.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
