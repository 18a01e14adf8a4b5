"""Code of MLflow that checks for its SQL store by class, or for a database by URI, works or raises a clear error."""

from __future__ import annotations

import ast
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from serving import mlflow_server

pytestmark = [pytest.mark.rules, pytest.mark.slow]  # an MLflow server is started

SOURCES = Path(mlflow.__file__).parent
STORES = re.compile(r"store/(tracking|model_registry|jobs|workspace)/\w*store|store/(fs2db|db|db_migrations)/|protos/")
ASKING = ("extract_db_type_from_uri", "DATABASE_ENGINES")
PLACES = {
    "cli/__init__.py gc": "`--jobs` skips jobs without a database, as test_commands.py shows",
    "genai/scorers/registry.py _register_scorer_stores": "our entry point is asked, as the script of scorers shows",
    "server/auth/__init__.py": "users and permissions are in a database of their own",
    "server/auth/sqlalchemy_store.py SqlAlchemyStore.init_db": "users and permissions are in a database of their own",
    "server/gateway_api.py _validate_store": "works: the gateway below",
    "server/handlers.py TrackingStoreRegistryWrapper.__init__": "our entry point is asked",
    "server/handlers.py TrackingStoreRegistryWrapper._get_sqlalchemy_store": "our entry point is asked",
    "server/handlers.py ModelRegistryStoreRegistryWrapper.__init__": "our entry point is asked",
    "server/handlers.py ModelRegistryStoreRegistryWrapper._get_sqlalchemy_store": "our entry point is asked",
    "server/handlers.py _get_job_store": "jobs need a database: the sentences below",
    "server/handlers.py build_server_info_payload": "works: what the server says of itself below",
    "server/jobs/utils.py _check_requirements": "jobs need a database: the sentences below",
    "store/tracking/gateway/config_resolver.py get_resource_endpoint_configs": "works: endpoints of a scorer below",
    "store/tracking/gateway/config_resolver.py get_endpoint_config": "works: the gateway below",
    "tracing/trace_rollup_service.py validate_sql_trace_rollup_startup": "rollups are made by jobs: the refusal below",
    "tracking/_model_registry/utils.py _get_sqlalchemy_store": "our entry point is asked",
    "tracking/_model_registry/utils.py _get_store_registry": "our entry point is asked",
    "tracking/_tracking_service/utils.py _get_sqlalchemy_store": "our entry point is asked",
    "tracking/_tracking_service/utils.py _register_tracking_stores": "our entry point is asked",
    "tracking/_workspace/registry.py _get_sqlalchemy_workspace_store": "workspaces of MLflow's: test_commands.py",
    "tracking/_workspace/registry.py _register_default_workspace_stores": "workspaces of MLflow's: test_commands.py",
    "utils/uri.py get_uri_scheme": "names the scheme, which is `bridge`",
    "utils/validation.py _validate_db_type_string": "all of these call it",
}
"""Every place in MLflow's code that asks for a database, and its effect with a `bridge:` URI."""


def test_every_place_where_mlflow_asks_for_sql_is_known() -> None:
    found = {place for path in SOURCES.rglob("*.py") for place in places(path)}
    assert found - PLACES.keys() == set(), "MLflow asks for SQL in new places; see what they do with a bridge: URI"
    assert PLACES.keys() - found == set(), "MLflow asks no more there"


def places(path: Path) -> Iterator[str]:
    file, source = path.relative_to(SOURCES).as_posix(), path.read_text(encoding="utf-8")
    if not STORES.match(file) and re.search("SqlAlchemy|extract_db_type|DATABASE_ENGINES", source):
        yield from (f"{file} {name}".strip() for name in asking(ast.parse(source), ""))


def asking(node: ast.AST, inside: str) -> Iterator[str]:
    """Return the functions that check for the SQL store, create one, or check the kind of database."""
    for child in ast.iter_child_nodes(node):
        name = inside
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            name = f"{inside}.{child.name}".strip(".")
        if isinstance(child, ast.Call):
            called = ast.unparse(child.func)
            of_class = called == "isinstance" and "SqlAlchemy" in ast.unparse(child.args[1])
            if of_class or "SqlAlchemy" in called or called in ("store_cls", ASKING[0]):
                yield inside
        elif isinstance(child, ast.Name) and child.id in ASKING:
            yield inside
        yield from asking(child, name)


class Site(NamedTuple):
    """An MLflow server on a workspace, with jobs enabled, and a client of the workspace itself."""

    url: str
    uri: str
    log: Path
    client: MlflowClient
    heard: list[tuple[str, Any]]
    """The key and the message of each request to the provider of models."""
    provider: str

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return requests.request(method, self.url + path, json=body, timeout=60, **more)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, make_workspace: Callable[[Path], str]) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    uri, log = make_workspace(folder / "workspace"), folder / "log"
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "true",
        "MLFLOW_CRYPTO_KEK_PASSPHRASE": "a passphrase of the tests",
        "MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES": "http",
    }
    with provider() as (address, heard), mlflow_server(uri, log, "--workers", "1", environment=environment) as url:
        yield Site(url, uri, log, MlflowClient(uri), heard, address)


@contextmanager
def provider() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """A provider of models that answers `well`: its address and its requests."""
    heard: list[tuple[str, Any]] = []

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.append((self.headers["Authorization"], asked["messages"][0]["content"]))
            choice = {"index": 0, "message": {"role": "assistant", "content": "well"}, "finish_reason": "stop"}
            used = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
            answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer | {"usage": used}).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Provider)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_gateway_calls_a_model_and_records_a_trace(site: Site) -> None:
    gateway = "/api/3.0/mlflow/gateway"
    secret = {"secret_name": "s", "secret_value": {"api_key": "k"}, "provider": "openai"}
    given = secret | {"auth_config": {"api_base": site.provider}}
    secret_id = site.ask("POST", f"{gateway}/secrets/create", given).json()["secret"]["secret_id"]
    model = {"name": "d", "secret_id": secret_id, "provider": "openai", "model_name": "m"}
    made = site.ask("POST", f"{gateway}/model-definitions/create", model).json()["model_definition"]
    used = [{"model_definition_id": made["model_definition_id"], "linkage_type": "PRIMARY", "weight": 1}]
    endpoint = {"name": "e", "model_configs": used, "usage_tracking": True}
    created = site.ask("POST", f"{gateway}/endpoints/create", endpoint).json()["endpoint"]

    asked = {"messages": [{"role": "user", "content": "how"}]}
    for path, body in (
        ("/gateway/e/mlflow/invocations", asked),
        ("/gateway/mlflow/v1/chat/completions", asked | {"model": "e"}),
    ):
        answer = site.ask("POST", path, body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["choices"][0]["message"]["content"] == "well"
    assert [one["id"] for one in site.ask("GET", "/gateway/mlflow/v1/models").json()["data"]] == ["e"]
    assert site.heard == [("Bearer k", "how")] * 2
    unknown = site.ask("POST", "/gateway/none/mlflow/invocations", asked)
    assert (unknown.status_code, unknown.json()["detail"]["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")

    site.ask("POST", f"{gateway}/secrets/update", given | {"secret_id": secret_id, "secret_value": {"api_key": "l"}})
    site.ask("POST", "/gateway/e/mlflow/invocations", asked)
    assert site.heard[-1] == ("Bearer l", "how"), "a changed key is used immediately"
    wait_for(lambda: len(site.client.search_traces(locations=[created["experiment_id"]], include_spans=False)) == 3)


def test_the_endpoint_of_a_scorer_is_resolved(site: Site) -> None:
    from mlflow.store.tracking.gateway.config_resolver import get_endpoint_config, get_resource_endpoint_configs

    store = site.client._tracking_client.store
    assert get_resource_endpoint_configs("scorer", "none", store) == []
    with pytest.raises(MlflowException, match="GatewayEndpoint not found"):
        get_endpoint_config("none", store)


def test_the_server_describes_itself_as_with_a_database(site: Site) -> None:
    said = site.ask("GET", "/api/3.0/mlflow/server-info").json()
    assert said["store_type"] == "SqlStore"
    assert (said["workspaces_enabled"], said["trace_archival_enabled"]) == (False, False)


NO_JOB_STORE = "Job store requires a backend store URI"
NO_JOBS = "MLflow job backend requires a database backend store URI but got {uri}"
SCORER = json.dumps({
    "name": "safety", "mlflow_version": "3.17.2", "serialization_version": 1, "builtin_scorer_class": "Safety",
    "builtin_scorer_pydantic_data": {"name": "safety"},
})  # fmt: skip
OF_JOBS: tuple[tuple[Any, ...], ...] = (
    ("GET", "/ajax-api/3.0/mlflow/jobs/x", None, 400, NO_JOB_STORE),
    ("PATCH", "/ajax-api/3.0/mlflow/jobs/cancel/x", None, 400, NO_JOB_STORE),
    ("GET", "/ajax-api/3.0/jobs/x", None, 400, NO_JOB_STORE),
    ("PATCH", "/ajax-api/3.0/jobs/cancel/x", None, 400, NO_JOB_STORE),
    ("POST", "/ajax-api/3.0/jobs/search", {}, 400, NO_JOB_STORE),
    ("POST", "/ajax-api/3.0/jobs/", {"job_name": "invoke_scorer", "params": {}}, 500, NO_JOBS),
    ("POST", "/ajax-api/3.0/mlflow/prompt-optimization/jobs/search", {"experiment_id": "0"}, 400, NO_JOB_STORE),
    ("GET", "/ajax-api/3.0/mlflow/prompt-optimization/jobs/x", None, 400, NO_JOB_STORE),
    ("DELETE", "/ajax-api/3.0/mlflow/prompt-optimization/jobs/x", None, 400, NO_JOB_STORE),
    (
        "POST", "/ajax-api/3.0/mlflow/scorer/invoke",
        {"experiment_id": "0", "serialized_scorer": SCORER, "trace_ids": ["tr-1"]}, 500, NO_JOBS,
    ),
    (
        "POST", "/ajax-api/3.0/mlflow/genai/evaluate/invoke",
        {"experiment_id": "0", "serialized_scorers": [SCORER], "trace_ids": ["tr-1"]}, 500, NO_JOBS,
    ),
)  # fmt: skip


def test_an_operation_that_runs_as_a_job_reports_that_it_needs_a_database(site: Site) -> None:
    for method, path, body, status, sentence in OF_JOBS:
        answer = site.ask(method, path, body)
        said = answer.json().get("message") or answer.json().get("detail")
        assert (answer.status_code, sentence.format(uri=site.uri) in said) == (status, True), (path, answer.text)
    assert "Traceback" not in site.log.read_text()
    assert "Server will start without job execution support" in site.log.read_text()


def test_the_refusals_at_the_start_of_a_server_are_mlflows_own(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.server import handlers
    from mlflow.tracing.trace_rollup_service import validate_sql_trace_rollup_startup

    validate_sql_trace_rollup_startup(site.uri)
    store = site.client._tracking_client.store
    with pytest.raises(MlflowException, match="does not support workspace-aware operations"):
        handlers._verify_tracking_store_workspace_support(store)
    with pytest.raises(MlflowException, match="does not support workspace-aware operations"):
        handlers._verify_model_registry_store_workspace_support(site.client._get_registry_client().store)
    config = tmp_path / "archival.yaml"
    config.write_text("trace_archival:\n  enabled: true\n  location: s3://bucket/archive\n  retention: 30d\n")
    monkeypatch.setenv("MLFLOW_TRACE_ARCHIVAL_CONFIG", str(config))
    with pytest.raises(MlflowException, match="does not support server-owned trace archival"):
        handlers._verify_tracking_store_trace_archival_support(store)


def test_spans_sent_by_opentelemetry_become_a_trace(site: Site) -> None:
    run = site.client.create_run("0").info.run_id
    sent = ExportTraceServiceRequest()
    scope = sent.resource_spans.add().scope_spans.add()
    for number, name in enumerate(("root", "child")):
        span = scope.spans.add(trace_id=bytes(range(16)), span_id=bytes([number + 1] * 8), name=name)
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18, 10**18 + 5_000_000
        span.parent_span_id = bytes([1] * 8) if number else b""
    headers = {"Content-Type": "application/x-protobuf", "X-MLflow-Experiment-Id": "0", "X-MLflow-Run-Id": run}

    def send(**changed: str) -> requests.Response:
        named = headers | {key.replace("_", "-"): value for key, value in changed.items()}
        return site.ask("POST", "/v1/traces", headers=named, data=sent.SerializeToString())

    assert send().status_code == 200
    (trace,) = site.client.search_traces(locations=["0"], run_id=run)
    assert [(span.name, span.parent_id) for span in trace.data.spans] == [("root", None), ("child", "01" * 8)]
    assert (trace.info.request_time, trace.info.execution_duration) == (10**12, 5)
    for span in scope.spans:
        span.trace_id = bytes(range(1, 17))
    assert [send(X_MLflow_Experiment_Id="99999").status_code, send(Content_Type="text/plain").status_code] == [404, 400]
    assert len(site.client.search_traces(locations=["0"], run_id=run)) == 1


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.2)
