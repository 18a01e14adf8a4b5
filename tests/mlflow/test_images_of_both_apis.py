"""Images of either API are images in the other one, and in MLflow's UI."""

from __future__ import annotations

import re
from pathlib import Path

import numpy
import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts

from bridge import Experiment, Run, Workspace
from bridge.store.workspace_stores import WorkspaceStores

SHOWN = re.compile(
    r"images/[^/%+]+(?P<sign>[+%])step(?P=sign)(?P<step>-?\d+)(?P=sign)timestamp(?P=sign)\d+(?P=sign)[0-9a-z-]+?"
    r"((?P=sign)compressed)?\.(png|webp)"
)
"""The only file names in the folder `images` with which MLflow's UI shows any image of a run.

MLflow's client of version 3.10 separates the parts by `%`.
"""
PIXELS = numpy.zeros((4, 6, 3), numpy.uint8)


@pytest.fixture
def run(opened: WorkspaceStores) -> Run:
    experiment = Experiment(Workspace.open(opened.address), "images")
    return experiment.start_logging(snapshot_directory=None, outputs=False)


@pytest.fixture
def client(run: Run, uri: str) -> MlflowClient:
    return MlflowClient(uri)


def listed(client: MlflowClient, run: Run) -> list[str]:
    return [file.path for file in client.list_artifacts(run.id, "images")]


def test_native_images_have_the_names_that_mlflows_ui_needs(client: MlflowClient, run: Run) -> None:
    run.log_image("val/sample of % + ~", plot=PIXELS, step=7)
    run.log_image("drawing", b"<svg></svg>")
    client.log_image(run.id, PIXELS, key="val/sample", step=3)
    assert client.get_run(run.id).data.tags["mlflow.loggedImages"] == "True"
    assert run.get_tags() == {}
    names = listed(client, run)
    assert names == sorted(names) and len(names) == 5
    assert all(SHOWN.fullmatch(name) for name in names if not name.endswith(".svg"))
    assert [name.startswith("images/drawing+step+0+timestamp+") for name in names] == [True] + 4 * [False]
    assert sorted(SHOWN.fullmatch(name)["step"] for name in names[1:]) == ["3", "3", "7", "7"]  # type: ignore[index]


def test_mlflow_reads_a_native_image_under_the_name_of_its_small_copy(
    client: MlflowClient, run: Run, tmp_path: Path
) -> None:
    run.log_image("sample", plot=PIXELS)
    image, copy = sorted(listed(client, run), key=len)
    assert copy == image.replace(".png", "+compressed.png")
    assert run.get_file_names() == [image]
    content = b"".join(run.place.stores.artifacts.get(run.place.root(), image))
    for path in (image, copy):
        assert Path(client.download_artifacts(run.id, path, str(tmp_path))).read_bytes() == content
    everything = Path(client.download_artifacts(run.id, "", str(tmp_path)))
    assert {path.name for path in (everything / "images").iterdir()} == {Path(image).name, Path(copy).name}
    (tmp_path / Path(copy).name).write_bytes(b"small")
    client.log_artifact(run.id, str(tmp_path / Path(copy).name), "images")
    assert len(listed(client, run)) == 2
    uri = client.get_run(run.id).info.artifact_uri
    assert Path(download_artifacts(f"{uri}/{copy}")).read_bytes() == b"small"


def test_native_images_without_a_step_have_steps_in_the_order_of_logging(client: MlflowClient, run: Run) -> None:
    run.log_image("sample", plot=PIXELS)
    run.log_image("sample", plot=PIXELS)
    run.log_image("sample of another", plot=PIXELS)
    run.experiment.workspace.get_run(run.id).log_image("sample", plot=PIXELS)
    found = {key: [] for key in ("sample", "sample_of_another")}  # type: dict[str, list[str]]
    for path in run.get_file_names():
        found[path.split("+")[0].removeprefix("images/")].append(path.split("+")[2])
    assert found == {"sample": ["0", "1", "2"], "sample_of_another": ["0"]}
    assert [file.step for file in run.get_metric("sample").files] == [0, 1, 2]


def test_images_of_mlflows_client_are_images_of_the_run(client: MlflowClient, run: Run) -> None:
    for step in (2, 5):
        client.log_image(run.id, PIXELS, key="val/sample", step=step, timestamp=1_000 + step)
    client.log_image(run.id, PIXELS, "picture.png")
    assert list(run.get_metrics()) == ["val/sample"]
    metric = run.get_metric("val/sample")
    assert [(file.kind, file.step, file.timestamp) for file in metric.files] == [("image", 2, 1002), ("image", 5, 1005)]
    assert client.get_run(run.id).data.metrics == {}
    assert run.get_metrics(populate=True)["val/sample"].data.startswith(b"\x89PNG")


def test_an_image_that_is_sent_again_is_logged_once(client: MlflowClient, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "dogs+step+1+timestamp+5+0a0a0a0a-0000-0000-0000-000000000000.png"
    file.write_bytes(b"\x89PNG")
    for _ in range(2):
        client.log_artifact(run.id, str(file), "images")
    earlier = tmp_path / "cats%step%-4%timestamp%6%0a0a0a0a-0000-0000-0000-000000000000.png"
    file.rename(earlier)
    client.log_artifact(run.id, str(earlier), "images")
    client.log_artifact(run.id, str(earlier), "elsewhere")
    assert len(run.get_metric("dogs").files) == 1
    assert [file.step for file in run.get_metric("cats").files] == [-4]
