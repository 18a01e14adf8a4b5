"""HEAD on MLflow's routes has the status that MLflow's server gives, and no body.

Source: MLflow 3.17.2. Its handlers read the parameters in an address only for GET, so HEAD lacks them.
"""

from __future__ import annotations

import pytest
import requests
from served_workspaces import ServedBySubprocess

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/2.0/mlflow/registered-models/search", 200),
        ("/api/2.0/mlflow/registered-models/get?name=none", 400),
        ("/api/2.0/mlflow/runs/get?run_id=none", 400),
        ("/api/2.0/mlflow/runs/create", 404),
        ("/", 200),
    ],
)
def test_head_is_answered_as_by_mlflow(server: ServedBySubprocess, path: str, status: int) -> None:
    with requests.Session() as session:
        answer = session.head(f"{server.at('anna')}{path}", timeout=120)
        assert (answer.status_code, answer.content) == (status, b"")
        assert session.get(f"{server.address}/healthz", timeout=120).text == "ok\n"
