"""Spans in OpenTelemetry's protocol, as JSON."""

from __future__ import annotations

import json
import secrets

import requests


def body_of_span(name: str) -> bytes:
    """Return a request with one trace of one span that took a second."""
    span = {
        "traceId": secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": name,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000001000000000",
        "attributes": [{"key": "mlflow.spanInputs", "value": {"stringValue": '"what is one"'}}],
    }
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def log_span(address: str, experiment_id: str, name: str) -> None:
    """Send a trace of one span to a server."""
    answer = send(address, experiment_id, body_of_span(name))
    assert answer.status_code == 200, answer.text


def send(address: str, experiment_id: str, body: bytes, **headers: str) -> requests.Response:
    """Send a body of spans to a server, and return the answer."""
    given = {"Content-Type": "application/json", "x-mlflow-experiment-id": experiment_id, **headers}
    return requests.post(f"{address}/v1/traces", data=body, headers=given, timeout=120)
