"""A client of an MLflow server can read and write only the workspace that the server serves."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span
from serving import mlflow_server

from bridge import Experiment, Run, Workspace
from bridge_mlflow.addresses import DESTINATION_VARIABLE
from bridge_mlflow.confinement import STORE_VARIABLES, check_location, is_server

SECRET = "the secret of another workspace"


class Host(NamedTuple):
    """The folders and files on the host of a server."""

    folder: Path
    served: Workspace
    run: Run

    def place(self, spelling: str) -> str:
        """Return the URI of the secret run's artifacts in one of the spellings."""
        below = f"{self.run.experiment.id}/{self.run.id}/artifacts"
        return SPELLINGS[spelling].format(host=self.folder, below=below)


SPELLINGS = {
    "three slashes": "bridge://{host}/other/artifacts/{below}",
    "one slash": "bridge:{host}/other/artifacts/{below}",
    "upper case": "BRIDGE://{host}/other/artifacts/{below}",
    "dots": "bridge://{host}/served/artifacts/../../other/artifacts/{below}",
    "encoded dots": "bridge://{host}/served/artifacts/%2e%2e/%2E%2e/other/artifacts/{below}",
    "encoded slashes": "bridge://{host}%2Fother%2Fartifacts/{below}",
    "link to the workspace": "bridge://{host}/link/artifacts/{below}",
    "link below the served workspace": "bridge://{host}/served/link/artifacts/{below}",
    "link among the served artifacts": "bridge://{host}/served/artifacts/link/{below}",
    "without the folder of artifacts": "bridge://{host}/other/{below}",
    "file URI": "file://{host}/other/artifacts/{below}",
    "file URI with one slash": "file:{host}/other/artifacts/{below}",
    "file URI of this host": "file://localhost{host}/other/artifacts/{below}",
    "file URI with encoded dots": "file://{host}/served/%2e%2e/other/artifacts/{below}",
    "file URI through a link": "file://{host}/link/artifacts/{below}",
    "path": "{host}/other/artifacts/{below}",
    "path through a link": "{host}/link/artifacts/{below}",
}
"""Spellings of a location in the other workspace. `bridge:` URIs are also refused on use."""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host")
    other = Workspace.create("other", path=folder / "other")
    run = Experiment(other, "secrets").start_logging(outputs=False, snapshot_directory=None)
    (folder / "secret.txt").write_text(SECRET)
    run.upload_file("secret.txt", folder / "secret.txt")
    run.upload_file("traces.json", folder / "secret.txt")
    run.upload_file("attachments/secret.txt", folder / "secret.txt")
    run.complete()
    served = Workspace.create("served", path=folder / "served")
    (folder / "link").symlink_to(folder / "other")
    (folder / "served" / "link").symlink_to(folder / "other")
    (folder / "served" / "artifacts" / "link").symlink_to(folder / "other" / "artifacts")
    return Host(folder, served, run)


class Client:
    """A client that sends HTTP requests to a server."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.number = 0

    def ask(self, method: str, where: str, body: Any = None, **query: str) -> requests.Response:
        answer = requests.request(method, f"{self.url}/{where}", json=body, params=query, timeout=120)
        assert answer.status_code < 500, answer.text
        return answer

    def post(self, path: str, body: Mapping[str, Any]) -> requests.Response:
        return self.ask("POST", f"api/2.0/mlflow/{path}", body)

    def fresh(self) -> str:
        self.number += 1
        return f"new-{self.number}"


@pytest.fixture(scope="module")
def client(host: Host) -> Iterator[Client]:
    uri = host.served.get_mlflow_tracking_uri()
    words = ["--workers", "1", "--artifacts-destination", uri]
    with mlflow_server(uri, host.folder / "server.log", *words) as url:
        yield Client(url)


def refused(answer: requests.Response) -> bool:
    """Return whether an answer is MLflow's error for an invalid argument, and reveals nothing about the host."""
    assert SECRET not in answer.text
    return answer.status_code == 400 and answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


pytestmark = [pytest.mark.processes, pytest.mark.rules]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_model_version_with_files_in_another_workspace_is_refused(host: Host, client: Client, spelling: str) -> None:
    name = client.fresh()
    assert client.post("registered-models/create", {"name": name}).status_code == 200
    made = client.post("model-versions/create", {"name": name, "source": host.place(spelling)})
    got = client.ask("GET", "model-versions/get-artifact", name=name, version="1", path="secret.txt")
    assert SECRET not in got.text
    assert refused(made)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_experiment_with_files_in_another_workspace_is_refused(host: Host, client: Client, spelling: str) -> None:
    before = sorted(host.folder.joinpath("other").rglob("*"))
    place = host.place(spelling)
    made = client.post("experiments/create", {"name": client.fresh(), "artifact_location": place})
    if made.status_code == 200:
        started = client.post("runs/create", {"experiment_id": made.json()["experiment_id"]}).json()
        run_id = started["run"]["info"]["run_id"]
        body, query = b"planted", {"run_uuid": run_id, "path": "planted.txt"}
        requests.post(f"{client.url}/ajax-api/2.0/mlflow/upload-artifact", data=body, params=query, timeout=120)
    assert sorted(host.folder.joinpath("other").rglob("*")) == before, "a file was planted"
    assert refused(made)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_trace_is_read_from_another_workspace(host: Host, client: Client, spelling: str) -> None:
    place, trace_id = host.place(spelling), f"tr-{client.fresh()}"
    info = {
        "trace_id": trace_id,
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
        "request_time": "2026-01-01T00:00:00Z",
        "state": "OK",
        "tags": {},
    }

    def start(tags: Mapping[str, str]) -> requests.Response:
        return client.ask("POST", "api/3.0/mlflow/traces", {"trace": {"trace_info": {**info, "tags": tags}}})

    def read() -> str:
        texts = []
        for query in ({}, {"path": "secret.txt"}):
            answer = client.ask("GET", "ajax-api/2.0/mlflow/get-trace-artifact", request_id=trace_id, **query)
            texts.append(answer.text)
        return " ".join(texts)

    archived = {"mlflow.trace.spansLocation": "ARCHIVE_REPO", "mlflow.trace.archiveLocation": place}
    assert refused(start(archived))
    assert refused(start({"mlflow.artifactLocation": place}))
    assert start({}).status_code == 200
    for version in ("2.0", "3.0"):
        tag = {"key": "mlflow.artifactLocation", "value": place}
        set_ = client.ask("PATCH", f"api/{version}/mlflow/traces/{trace_id}/tags", tag)
        assert SECRET not in read()
        assert refused(set_)
    tags = [{"key": "mlflow.artifactLocation", "value": place}]
    older = {"experiment_id": "0", "timestamp_ms": 1, "tags": tags}
    assert refused(client.post("traces", older))
    ended = {"timestamp_ms": 2, "status": "OK", "tags": tags}
    assert refused(client.ask("PATCH", f"api/2.0/mlflow/traces/{trace_id}", ended))
    assert SECRET not in read()


def test_no_span_gives_its_trace_a_location_in_another_workspace(host: Host, client: Client) -> None:
    place = host.place("three slashes")
    attribute = KeyValue(key="mlflow.traceTag.mlflow.artifactLocation", value=AnyValue(string_value=place))
    span = Span(trace_id=bytes(16), span_id=b"12345678", name="root", attributes=[attribute])
    spans = [ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])]
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}
    body = ExportTraceServiceRequest(resource_spans=spans).SerializeToString()
    sent = requests.post(f"{client.url}/v1/traces", data=body, headers=headers, timeout=120)
    seen = client.ask("GET", f"api/3.0/mlflow/traces/tr-{'0' * 32}")
    assert place not in seen.text
    assert sent.status_code in (400, 422), sent.text


def test_the_server_does_not_open_locations_that_a_direct_client_has_stored(host: Host, client: Client) -> None:
    """A person with a user on the host may open them, but the server has other rights than that person."""
    direct = MlflowClient(host.served.get_mlflow_tracking_uri())
    place = host.place("three slashes")
    experiment = direct.create_experiment("of a direct client", artifact_location=place)
    made = direct.create_run(experiment).info
    direct.log_text(made.run_id, SECRET, "mine.txt")
    assert [one.path for one in direct.list_artifacts(made.run_id)] == ["mine.txt"]
    model = direct.create_logged_model(experiment)
    direct.create_registered_model("direct")
    direct.create_model_version("direct", place)
    for answer in (
        client.ask("GET", "get-artifact", run_uuid=made.run_id, path="mine.txt"),
        client.ask("GET", "api/2.0/mlflow/artifacts/list", run_id=made.run_id),
        client.ask("GET", "model-versions/get-artifact", name="direct", version="1", path="secret.txt"),
        client.ask("GET", f"api/2.0/mlflow/logged-models/{model.model_id}/artifacts/directories"),
        client.ask(
            "GET",
            f"ajax-api/2.0/mlflow/logged-models/{model.model_id}/artifacts/files",
            artifact_file_path="MLmodel",
        ),
        requests.post(
            f"{client.url}/ajax-api/2.0/mlflow/upload-artifact",
            data=b"planted",
            params={"run_uuid": made.run_id, "path": "planted.txt"},
            timeout=120,
        ),
    ):
        assert refused(answer), answer.text
    assert [one.path for one in direct.list_artifacts(made.run_id)] == ["mine.txt"]
    seen = client.ask("GET", "api/2.0/mlflow/runs/get", run_id=made.run_id).json()["run"]["info"]
    assert seen["artifact_uri"] == made.artifact_uri  # the person can read it there


def test_locations_in_the_served_workspace_are_accepted_in_each_spelling(host: Host, client: Client) -> None:
    (host.folder / "alias").symlink_to(host.folder / "served")
    for start in (f"bridge://{host.folder}/served", f"bridge:{host.folder}/served", f"bridge://{host.folder}/alias"):
        place = f"{start}/artifacts/own"
        made = client.post("experiments/create", {"name": client.fresh(), "artifact_location": place})
        assert made.status_code == 200, made.text
        started = client.post("runs/create", {"experiment_id": made.json()["experiment_id"]}).json()
        query = {"run_uuid": started["run"]["info"]["run_id"], "path": "a.txt"}
        requests.post(
            f"{client.url}/ajax-api/2.0/mlflow/upload-artifact", data=b"own", params=query, timeout=120
        ).raise_for_status()
        assert client.ask("GET", "get-artifact", **query).text == "own"
    elsewhere = {"name": client.fresh(), "artifact_location": f"file://{host.folder}/elsewhere"}
    assert client.post("experiments/create", elsewhere).status_code == 200  # as in MLflow's own store


def test_a_workspace_among_the_artifacts_of_the_served_one_is_not_accessible(host: Host, client: Client) -> None:
    inner = Workspace.create("inner", path=host.folder / "served" / "artifacts" / "inner")
    run = Experiment(inner, "secrets").start_logging(outputs=False, snapshot_directory=None)
    run.upload_file("secret.txt", host.folder / "secret.txt")
    place = f"inner/artifacts/{run.experiment.id}/{run.id}/artifacts"
    file = f"api/2.0/mlflow-artifacts/artifacts/{place}/secret.txt"
    for method in ("PUT", "GET", "DELETE"):
        assert refused(client.ask(method, file, {})), method
    location = {"name": client.fresh(), "artifact_location": f"bridge://{host.folder}/served/artifacts/{place}"}
    assert refused(client.post("experiments/create", location))
    run.download_file("secret.txt", host.folder / "back.txt")
    assert (host.folder / "back.txt").read_text() == SECRET
    run.complete()


def test_a_run_may_have_a_file_with_the_name_of_a_database(host: Host, client: Client) -> None:
    with Experiment(host.served, "databases").start_logging(outputs=False, snapshot_directory=None) as run:
        place = f"api/2.0/mlflow-artifacts/artifacts/{run.experiment.id}/{run.id}/artifacts"
    for name in ("workspace.db", "other.txt"):
        assert client.ask("PUT", f"{place}/{name}", {"content of": name}).status_code == 200
    for name in ("workspace.db", "other.txt"):
        answer = client.ask("GET", f"{place}/{name}")
        assert (answer.status_code, answer.json()) == (200, {"content of": name})


def test_only_a_process_of_a_server_is_confined(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    place = host.place("three slashes")
    assert not is_server()
    check_location(place, "artifact location")
    assert [one.path for one in get_artifact_repository(place).list_artifacts()][-1] == "traces.json"
    monkeypatch.setenv(DESTINATION_VARIABLE, "./mlartifacts")  # the variable of a server that serves no workspace
    for uri in (place, f"bridge://{host.folder}/nothing/artifacts", "bridge://a/b"):
        with pytest.raises(MlflowException, match=re.escape(f"Invalid artifact location: '{uri}'")):
            get_artifact_repository(uri)
    monkeypatch.setenv(STORE_VARIABLES[1], f"bridge://{host.folder}/other")  # the server's registry
    check_location(place, "artifact location")


CHAINS = ("../" * depth for depth in (1, 2, 4, 5, 7))
HOSTILE = [
    *(f"{chain}{end}" for chain in CHAINS for end in ("other/artifacts/{below}/secret.txt", "secret.txt")),
    "{host}/secret.txt", "/{host}/secret.txt", "//{host}/secret.txt", "file://{host}/secret.txt",
    "file:{host}/secret.txt", "bridge://{host}/other/artifacts/{below}/secret.txt", "a/../../secret.txt", "..", "../",
    "..\\secret.txt", "a\\..\\..\\secret.txt", "C:\\secret.txt", "C:/secret.txt", "secret.txt\0", "a/\0/../secret.txt",
    "./../secret.txt", "a//../../secret.txt", "..;/secret.txt", ".../secret.txt", "..\u2215secret.txt", "~/secret.txt",
    "link/{below}/secret.txt", "link/secret.txt", ".pending/../secret.txt", "a?../secret.txt", "a#../secret.txt",
]  # fmt: skip
"""Paths that lead out of an artifacts folder when they are resolved."""


def _encodings(path: str) -> Iterator[str]:
    """Return the spellings of a path in a URL: not encoded, encoded, fully encoded, and encoded twice."""
    once = quote(path)
    everything = "".join(f"%{byte:02x}" for byte in path.encode())
    yield from {quote(path, safe="/.:\\;~"), once.replace(".", "%2e"), everything, quote(everything), quote(once)}


def _everything_outside(host: Host) -> dict[str, tuple[float, int]]:
    served = host.folder / "served"
    found = [one for one in host.folder.rglob("*") if served not in one.parents and one.suffix not in (".log", ".lock")]
    return {str(one): (one.lstat().st_mtime, one.lstat().st_size) for one in found if one.is_file()}


@pytest.mark.slow
def test_no_path_leads_out_of_a_folder_of_artifacts(host: Host, client: Client) -> None:
    experiment = client.post("experiments/create", {"name": client.fresh()}).json()["experiment_id"]
    run_id = client.post("runs/create", {"experiment_id": experiment}).json()["run"]["info"]["run_id"]
    place = f"{experiment}/{run_id}/artifacts"
    name = client.fresh()
    client.post("registered-models/create", {"name": name})
    source = {"name": name, "source": f"mlflow-artifacts:/{place}", "run_id": run_id}
    assert client.post("model-versions/create", source).status_code == 200
    model = client.post("logged-models", {"experiment_id": experiment}).json()["model"]["info"]["model_id"]
    proxy, api = "/api/2.0/mlflow-artifacts/artifacts", "/api/2.0/mlflow"
    ways = [
        ("GET", f"{proxy}/{{}}"), ("PUT", f"{proxy}/{{}}"), ("DELETE", f"{proxy}/{{}}"),
        ("GET", f"{proxy}/{place}/{{}}"), ("PUT", f"{proxy}/{place}/{{}}"), ("DELETE", f"{proxy}/{place}/{{}}"),
        ("GET", f"{proxy}?path={{}}"), ("GET", f"/get-artifact?run_id={run_id}&path={{}}"),
        ("GET", f"{api}/artifacts/list?run_id={run_id}&path={{}}"),
        ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={{}}"),
        ("GET", f"/model-versions/get-artifact?name={name}&version=1&path={{}}"),
        ("GET", f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path={{}}"),
        ("GET", f"{api}/logged-models/{model}/artifacts/directories?artifact_directory_path={{}}"),
    ]  # fmt: skip
    below = f"{host.run.experiment.id}/{host.run.id}/artifacts"
    before = _everything_outside(host)
    address = urlsplit(client.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=120)
    for template in HOSTILE:
        for path in _encodings(template.format(host=host.folder, below=below)):
            for method, way in ways:
                # Not with `requests`, which resolves dots before it sends a path.
                connection.request(method, way.format(path), body=b"planted" if method in ("PUT", "POST") else None)
                answer = connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                assert SECRET not in text, (method, way, path)
                # MLflow's own message, whose code gives a 500 there.
                assert answer.status < 500 or "must not resolve to other names" in text, (method, way, path, text)
    connection.close()
    assert _everything_outside(host) == before
    inside = sorted(one.name for one in (host.folder / "served").iterdir())
    assert {one for one in inside if not one.startswith(("workspace.", "mlflow."))} == {"artifacts", "journal", "link"}


def test_the_id_of_a_trace_cannot_lead_out_of_its_folder(host: Host, client: Client) -> None:
    elsewhere = {"name": client.fresh(), "artifact_location": f"file://{host.folder}/elsewhere"}
    elsewhere_id = client.post("experiments/create", elsewhere).json()["experiment_id"]
    below = f"other/artifacts/{host.run.experiment.id}/{host.run.id}"
    for experiment, up in (("0", "../../../../"), (elsewhere_id, "../../"), (elsewhere_id, "%2e%2e/%2e%2e/")):
        trace_id = f"{up}{below}"
        info = {
            "trace_id": trace_id,
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": experiment},
            },
            "request_time": "2026-01-01T00:00:00Z",
            "state": "OK",
            "tags": {},
        }
        made = client.ask("POST", "api/3.0/mlflow/traces", {"trace": {"trace_info": info}})
        (host.folder / "elsewhere" / "traces").mkdir(parents=True, exist_ok=True)
        for query in ({}, {"path": "secret.txt"}):
            got = client.ask("GET", "ajax-api/2.0/mlflow/get-trace-artifact", request_id=trace_id, **query)
            assert SECRET not in got.text
        assert refused(made), trace_id
