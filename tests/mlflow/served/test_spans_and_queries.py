"""Spans are decompressed with a bound, and only queries of MLflow's pages reach its GraphQL."""

from __future__ import annotations

import gzip
import http.client
import re
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from otlp_spans import body_of_span, send
from served_workspaces import ServedBySubprocess

from bridge.errors import InvalidValue
from bridge_mlflow.server.graph_queries import check_body, check_query
from bridge_mlflow.server.spans import BYTES, TIMES, inflated


@pytest.mark.slow
def test_compressed_spans_are_stored(server: ServedBySubprocess) -> None:
    client = MlflowClient(server.at("anna"), server.at("anna"))
    experiment = client.create_experiment("compressed")
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)):
        answer = send(server.at("anna"), experiment, compress(body_of_span(encoding)), **{"Content-Encoding": encoding})
        assert answer.status_code == 200, answer.text
    names = {trace.data.spans[0].name for trace in client.search_traces([experiment])}
    assert names == {"gzip", "deflate", "identity"}


@pytest.mark.slow
def test_spans_that_grow_too_much_are_refused(server: ServedBySubprocess) -> None:
    bomb = gzip.compress(bytes(BYTES + 1))
    for encoding, body in (("gzip", bomb), ("gzip", b"no gzip"), ("gzip", bomb[:1000]), ("br", b""), ("gzip", b"")):
        answer = send(server.at("anna"), "0", body, **{"Content-Encoding": encoding})
        assert answer.status_code == 400, answer.text
        assert "Traceback" not in answer.text


@pytest.mark.slow
def test_a_body_is_compressed_at_most_once(server: ServedBySubprocess) -> None:
    address = urlsplit(server.at("anna"))
    body = gzip.compress(gzip.compress(body_of_span("twice")))
    connection = http.client.HTTPConnection(address.netloc, timeout=120)
    connection.putrequest("POST", f"{address.path}/v1/traces")
    fields = [("Content-Encoding", "gzip")] * 2 + [("Content-Length", str(len(body)))]
    for name, value in [("Content-Type", "application/json"), ("x-mlflow-experiment-id", "0"), *fields]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    assert answer.status == 400 and b"must be given once" in answer.read()
    connection.close()


def test_a_body_grows_at_most_tenfold() -> None:
    assert inflated(gzip.compress(b"ab" * 1000), "gzip") == b"ab" * 1000  # small bodies may grow more
    noise = bytes(range(256)) * 40
    grows = gzip.compress(noise * 40)
    assert len(noise * 40) > TIMES * len(grows)
    with pytest.raises(InvalidValue, match="at most 10 times"):
        inflated(grows, "gzip")


def queries_of_pages() -> list[str]:
    """Return the queries in the scripts of MLflow's user interface."""
    folder = Path(mlflow.__file__).parent / "server/js/build/static/js"
    found = []
    for file in folder.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        found += re.findall(r"`(\s*(?:query|mutation) \w+\s*\(\$[^`]*)`", text)
    return found


@pytest.mark.rules
def test_all_queries_of_the_pages_are_accepted() -> None:
    found = queries_of_pages()
    assert len(found) >= 4
    for query in found:
        check_query(query)
        if "__typename" not in query:  # the pages add this field when they send a query
            check_query(query.replace("{\n", "{\n __typename\n"))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "query",
        "{ mlflowGetRun(input: {}) { __typename } mlflowSearchRuns(input: {}) { __typename } }",
        "{ a: mlflowGetRun(input: {}) { run { info { runId } } } }",
        "{ mlflowGetRun(input: {}) { run { info { a: runId } } } }",
        "{ mlflowGetRun(input: {}) { run { ...F } } } fragment F on MlflowRun { info { runId } }",
        "{ mlflowGetRun(input: {}) { run { ... { info { runId } } } } }",
        "{ mlflowGetRun(input: {}) { run { info { runId } info { runId } } } }",
        "query A { mlflowGetRun(input: {}) { __typename } } query B { mlflowGetRun(input: {}) { __typename } }",
        'mutation { testMutation(inputString: "a") { output } }',
        'query { test(inputString: "a") { output } }',
        "{ __schema { types { name } } }",
        "{ mlflowListArtifacts(input: {}) { rootUri } }",
        "subscription { mlflowGetRun @skip(if: false) { __typename } }",
        "query A @other { mlflowGetRun(input: {}) { __typename } }",
        "{" * 900,
        "{ mlflowGetRun { " + "a { " * 300 + "b" + " }" * 302,
        "{ mlflowGetRun { " + " ".join(f"f{n}" for n in range(2_000)) + " } }",
    ],
)
def test_other_queries_are_refused(query: str) -> None:
    with pytest.raises(InvalidValue):
        check_query(query)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"query": 1}', b'{"query": null}', b"[" * 100_000, b"\xff"])
def test_a_body_without_a_query_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidValue):
        check_body(body)


@pytest.mark.slow
def test_the_query_of_a_page_is_answered(server: ServedBySubprocess) -> None:
    client = MlflowClient(server.at("boris"), server.at("boris"))
    run = client.create_run(client.create_experiment("asked"), run_name="asked for").info.run_id
    (query,) = [one for one in queries_of_pages() if "query GetRun(" in one]
    body: dict[str, Any] = {"query": query, "variables": {"data": {"runId": run}}, "operationName": "GetRun"}
    answer = requests.post(f"{server.at('boris')}/graphql", json=body, timeout=60).json()
    assert answer["data"]["mlflowGetRun"]["run"]["info"]["runName"] == "asked for"
    other = requests.post(f"{server.at('anna')}/graphql", json=body, timeout=60)
    assert "asked for" not in other.text and f"Run with id={run} not found" in other.text
    refused = requests.post(f"{server.at('boris')}/graphql", json={"query": "{ __schema { types } }"}, timeout=60)
    assert refused.status_code == 400
