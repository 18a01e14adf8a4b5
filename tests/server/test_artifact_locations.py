"""A server accepts artifact locations in its workspaces and below allowed prefixes, in no other spelling."""

from __future__ import annotations

import pytest

from bridge.errors import InvalidValue
from bridge.server.files.locations import check_experiment_location, check_location, path_inside
from bridge.server.files.rules import FileRules

ADDRESS = "/srv/demo"
ALLOWED = FileRules(allowed=("s3://team/runs", "gs://bucket/")).allowed

REFUSED = [  # the attacks on MLflow's own server, other spellings of them, and ways out of the workspace
    "file:///etc", "/etc", "//evil/x", "s3://other", "gs://other/x", "dbfs:/x", "dbfs:///x",
    "wasbs://c@evil.net/x", "bridge:///other/artifacts", "bridge:/other/artifacts",
    "s3+endpoint=http://h://x", "models:/m/1", "relative", "http://evil.net/x", "https://evil.net",
    "ftp://evil.net", "sftp://evil.net", "hdfs://evil.net/x", "runs:/a/b",
    "mlflow-artifacts://evil.net/x", "mlflow-artifacts://evil.net:80/x", "mlflow-artifacts:x",
    "./x", "../x", "C:\\x", "FILE:///etc", "File:/etc", "file:/etc", "file:etc", " file:///etc",
    "file:///etc ", "\tfile:///etc", "fi\nle:///etc", "file:%2f%2f%2fetc", "%66ile:///etc",
    "ｆile:///etc", "file:///ｅtc", "S3://team/runs/x", "s3:/team/runs/x", "s3:team/runs/x",
    "s3://TEAM/runs/x", "s3://team.evil/runs/x", "s3://team@evil/runs/x", "s3://evil@team/runs/x",
    "s3://team:80/runs/x", "s3://team/runsx", "s3://team/runs", "s3://team/run", "s3://team/",
    "s3://team", "s3://team/runs/../x", "s3://team/runs/a/../../x", "s3://team/runs/./x",
    "s3://team/runs//x", "s3://team/runs/%2e%2e/x", "s3://team/runs/%252e%252e/x",
    "s3://team/runs/..%2fx", "s3://team/runs/..\\x", "s3://team/runs/．．/x", "s3://team/runs/․․/x",
    "s3://team/runs/x?versionId=1", "s3://team/runs/x#y", "s3://team/runs/x;y?z",
    "s3://team/runs/x\0", "s3://team/runs/x y", "s3://team/runs/file:///etc", "s3://[team/runs/x",
    "s3://team:x/runs/x", "gs://bucketx/y", "mlflow-artifacts:/..", "mlflow-artifacts:/../x",
    "mlflow-artifacts:/a/../../x", "mlflow-artifacts:/", "mlflow-artifacts:",
    "mlflow-artifacts:/%2e%2e/x", "mlflow-artifacts:/%252e%252e/x",
    "mlflow-artifacts:/%25252e%25252e%25252fx", "mlflow-artifacts:/..%2fx",
    "mlflow-artifacts:/a%2f..%2f..", "mlflow-artifacts:/．．/x", "mlflow-artifacts:/‥/x",
    "mlflow-artifacts:/%ef%bc%8e%ef%bc%8e/x", "mlflow-artifacts:/a／..／..",
    "mlflow-artifacts:/..\\x", "mlflow-artifacts:/a%5c..", "mlflow-artifacts://",
    "mlflow-artifacts:///x", "mlflow-artifacts:/a//b", "mlflow-artifacts:/a?b",
    "mlflow-artifacts:/a#b", "mlflow-artifacts:/a%00", "mlflow-artifacts:/a%0a",
    "mlflow-artifacts:/./a", "MLFLOW-ARTIFACTS:/a", "bridge:///srv/demo",
    "bridge:///srv/demo/artifacts", "bridge:///srv/demo/artifacts/../workspace.db",
    "bridge:///srv/demo/artifacts/%2e%2e/x", "bridge:///srv/demo2/artifacts/x",
    "bridge://host/srv/demo/artifacts/x", "bridge:///srv/demo/artifacts/a%252f..%252f..%252fx",
    "x" * 3_000, f"mlflow-artifacts:/{'x/' * 2_000}x",
]  # fmt: skip


@pytest.mark.parametrize("location", REFUSED, ids=lambda location: ascii(location)[:40])
def test_another_location_is_refused(location: str) -> None:
    for allowed in ((), ALLOWED):
        with pytest.raises(InvalidValue, match="artifact location"):
            check_location(location, ADDRESS, allowed)


@pytest.mark.parametrize(
    "location, path",
    [
        ("mlflow-artifacts:/0/run/artifacts/my model", "0/run/artifacts/my model"),
        ("mlflow-artifacts:/0/run/artifacts/ä%20b/", "0/run/artifacts/ä%20b"),
        ("bridge:///srv/demo/artifacts/0/models/m/artifacts", "0/models/m/artifacts"),
        ("bridge:/srv/demo/artifacts/a%20b", "a b"),
    ],
)
def test_a_location_in_the_workspace_is_accepted(location: str, path: str) -> None:
    assert check_location(location, ADDRESS) == location
    assert path_inside(location, ADDRESS) == path


def test_a_location_below_an_allowed_prefix_is_accepted() -> None:
    for location in ("s3://team/runs/x", "s3://team/runs/x/y-z_1.2/", "gs://bucket/a"):
        assert check_location(location, ADDRESS, ALLOWED) == location
        with pytest.raises(InvalidValue, match="must be empty or begin with mlflow-artifacts:/"):
            check_location(location, ADDRESS)
    assert check_location("", ADDRESS) is None and check_location(None, ADDRESS) is None


def test_an_experiment_cannot_take_the_folder_of_others() -> None:
    assert check_experiment_location("mlflow-artifacts:/mine/x", ADDRESS) == "mlflow-artifacts:/mine/x"
    assert check_experiment_location("s3://team/runs/0", ADDRESS, ALLOWED) == "s3://team/runs/0"
    for path in (
        "0",
        "0/x",
        "17",
        "snapshots",
        "environments/x",
        "models/x",
        ".pending",
        ".x/y",
        "a/artifacts",
        "a/artifacts/b",
    ):
        with pytest.raises(InvalidValue, match="does not use itself"):
            check_experiment_location(f"mlflow-artifacts:/{path}", ADDRESS)


@pytest.mark.parametrize(
    "prefix",
    ["file:///srv", "/srv", "s3://", "s3:", "http://h/", "mlflow-artifacts://h/", "bridge:///x", "s3://a/../b?c", ""],
)
def test_an_operator_allows_object_storage_only(prefix: str) -> None:
    with pytest.raises(InvalidValue, match="object storage"):
        FileRules(allowed=(prefix,))
