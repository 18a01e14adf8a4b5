"""Journeys through artifacts: the objects that the fluent interface stores as files, and how files are read."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import mlflow
import numpy
import pandas
from journeys import Journey, journey

PIXELS = (numpy.arange(192).reshape(8, 8, 3) % 256).astype(numpy.uint8)


@journey
def fluent_files(j: Journey) -> None:
    mlflow.set_experiment("fluent files")
    one, empty = j.file("one.txt", "one"), j.file("empty", "")
    for name in ("a.txt", "deep/b.txt", "deep/deeper/c d.txt", "deep/.hidden"):
        j.file(f"many/{name}", name)
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        for path in (None, "", "in", "in/deep", "with blank", "ünï", "in/", "/in", "../out", "a//b", "in/../a"):
            j.see(f"file at {path!r}", lambda path=path: mlflow.log_artifact(str(one), path))
            j.see(f"folder at {path!r}", lambda path=path: mlflow.log_artifacts(str(j.folder / "many"), path))
        j.see("path object", lambda: mlflow.log_artifact(empty, "empty"))
        j.see("file that is not there", lambda: mlflow.log_artifact(str(j.folder / "none")))
        j.see("folder as a file", lambda: mlflow.log_artifact(str(j.folder / "many"), "as file"))
        j.see("folder that is not there", lambda: mlflow.log_artifacts(str(j.folder / "none")))
        one.write_text("another")
        j.see("over a file", lambda: mlflow.log_artifact(str(one)))
        for path in ("text.txt", "texts/deep/text.html", "odd name!.txt", "/text.txt", "../text.txt", "", "texts/"):
            j.see(f"text at {path!r}", lambda path=path: mlflow.log_text("téxt\n", path))
        j.see("bytes as text", lambda: mlflow.log_text(b"bytes", "bytes.txt"))
        for path in ("dict.json", "dict.yaml", "dict.yml", "dicts/dict", "dict.txt"):
            j.see(f"dict at {path}", lambda path=path: mlflow.log_dict({"b": [1, None], "a": {"ü": 1.5}}, path))
        j.see("odd dict", lambda: mlflow.log_dict({"when": numpy.float32(1)}, "odd.json"))
        j.see("list", lambda: mlflow.log_dict([1, 2], "list.json"))
        j.see("stream", lambda: mlflow.log_stream(io.BytesIO(b"streamed"), "streams/a.bin"))
        j.see("URI", lambda: [mlflow.get_artifact_uri(), mlflow.get_artifact_uri("in/one.txt")])
    (j.folder / "nothing" / "in it").mkdir(parents=True)
    with mlflow.start_run(run_name="folders without files"):
        j.see("file as a folder", lambda: mlflow.log_artifacts(str(one), "file as folder"))
        j.see("empty folder", lambda: mlflow.log_artifacts(str(j.folder / "nothing"), "nothing"))
        j.see("empty folder as a file", lambda: mlflow.log_artifact(str(j.folder / "nothing"), "nothing as file"))
    j.see("after the end", lambda: mlflow.log_text("late", "late.txt", run_id=run_id))
    j.see("unknown run", lambda: mlflow.log_text("x", "x.txt", run_id="f" * 32))
    j.see("dict of another run", lambda: j.client.log_dict(run_id, {"a": 1}, "client.json"))
    j.see("by the client", lambda: j.client.log_artifact(run_id, str(one), "client"))
    j.see("folder by the client", lambda: j.client.log_artifacts(run_id, str(j.folder / "many"), "client"))


@journey
def fluent_fetching(j: Journey) -> None:
    mlflow.set_experiment("fluent fetching")
    with mlflow.start_run() as run:
        for path in ("a.txt", "in/b.txt", "in/deep/c.txt", "in/with blank.txt", "empty/d.txt"):
            mlflow.log_text(path, path)
        mlflow.log_dict({"a": 1}, "in/dict.json")
        mlflow.log_image(PIXELS, "in/image.png")
    run_id, artifacts = run.info.run_id, mlflow.artifacts
    odd = (".", "..", "/in", "in//deep", "in/../in")
    for path in (None, "", "in", "in/", "in/deep", "a.txt", "nowhere", "in/nowhere", *odd):
        j.see(f"client lists {path!r}", lambda path=path: j.client.list_artifacts(run_id, path))
        j.see(f"list {path!r}", lambda path=path: artifacts.list_artifacts(run_id=run_id, artifact_path=path))
        j.see(f"list URI with {path!r}", lambda path=path: artifacts.list_artifacts(f"runs:/{run_id}/{path or ''}"))
    j.see("list by the root", lambda: artifacts.list_artifacts(run.info.artifact_uri))
    j.see("list below the root", lambda: artifacts.list_artifacts(f"{run.info.artifact_uri}/in"))
    j.see("list of an unknown run", lambda: artifacts.list_artifacts(run_id="f" * 32))
    j.see("list of nothing", lambda: artifacts.list_artifacts())
    j.see("list of two", lambda: artifacts.list_artifacts(f"runs:/{run_id}", run_id=run_id))

    def fetched(call: Any) -> Any:
        place = Path(call())
        if place.is_file():
            return [place.name, place.read_text(errors="replace")]
        return {str(one.relative_to(place)): one.stat().st_size for one in sorted(place.rglob("*")) if one.is_file()}

    odd = ("in/with blank.txt", "in/with%20blank.txt", "../a.txt", "/a.txt")
    for path in ("", "in", "in/", "in/deep", "a.txt", "nowhere", *odd):
        for way, call in {
            "run": lambda path=path: artifacts.download_artifacts(run_id=run_id, artifact_path=path),
            "URI of the run": lambda path=path: artifacts.download_artifacts(f"runs:/{run_id}/{path}"),
            "its own URI": lambda path=path: artifacts.download_artifacts(f"{run.info.artifact_uri}/{path}"),
            "client": lambda path=path: j.client.download_artifacts(run_id, path),
        }.items():
            j.see(f"fetch {path!r} by {way}", lambda call=call: fetched(call))
    target = j.folder / "target"
    for number in (1, 2):
        j.see(
            f"fetch into a folder {number}",
            lambda: fetched(lambda: artifacts.download_artifacts(run_id=run_id, artifact_path="in", dst_path=target)),
        )
    j.see("its place", lambda: artifacts.download_artifacts(run_id=run_id, artifact_path="a.txt", dst_path=target))
    j.see("what is there", lambda: sorted(str(one.relative_to(target)) for one in target.rglob("*")))
    j.see("client, missing folder", lambda: j.client.download_artifacts(run_id, "in", str(j.folder / "missing")))
    j.see("client, folder", lambda: fetched(lambda: j.client.download_artifacts(run_id, "in", str(target))))
    j.see("of an unknown run", lambda: artifacts.download_artifacts(run_id="f" * 32, artifact_path="a.txt"))
    j.see("of an unknown run's URI", lambda: artifacts.download_artifacts(f"runs:/{'f' * 32}/a.txt"))
    j.see("of a URI without a run", lambda: artifacts.download_artifacts("runs:/"))
    j.see("of nothing", lambda: artifacts.download_artifacts())
    for path in ("a.txt", "in/b.txt", "nowhere.txt", "in"):
        j.see(f"text of {path}", lambda path=path: artifacts.load_text(f"runs:/{run_id}/{path}"))
        j.see(f"text below the root {path}", lambda path=path: artifacts.load_text(f"{run.info.artifact_uri}/{path}"))
    j.see("dict", lambda: artifacts.load_dict(f"runs:/{run_id}/in/dict.json"))
    j.see("text as dict", lambda: artifacts.load_dict(f"runs:/{run_id}/a.txt"))
    j.see("image", lambda: numpy.asarray(artifacts.load_image(f"runs:/{run_id}/in/image.png")))
    j.see("text as image", lambda: artifacts.load_image(f"runs:/{run_id}/a.txt"))
    mlflow.delete_run(run_id)
    j.see("of a deleted run", lambda: artifacts.load_text(f"runs:/{run_id}/a.txt"))


@journey
def fluent_pictures(j: Journey) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot
    from PIL import Image

    mlflow.set_experiment("fluent pictures")
    figure, axes = pyplot.subplots(figsize=(1, 1))
    axes.plot([1, 2])
    with mlflow.start_run() as run:
        for path in ("figure.png", "plots/figure.png", "figure", "/figure.png"):
            j.see(f"figure at {path}", lambda path=path: mlflow.log_figure(figure, path))
        j.see("no figure", lambda: mlflow.log_figure("figure", "none.png"))
        for name, image in {
            "colours": PIXELS, "grey": PIXELS[:, :, 0], "one channel": PIXELS[:, :, :1], "floats": PIXELS / 255,
            "beyond": PIXELS * 2.0, "truth": PIXELS[:, :, 0] > 90, "int64": PIXELS.astype(int),
            "pillow": Image.fromarray(PIXELS), "mlflow": mlflow.Image(PIXELS), "flat": PIXELS[0, 0], "text": "image",
        }.items():  # fmt: skip
            j.see(f"image of {name}", lambda name=name, image=image: mlflow.log_image(image, f"images of/{name}.png"))
        j.see("no such format", lambda: mlflow.log_image(PIXELS, "image.nothing"))
        j.see("outside", lambda: mlflow.log_image(PIXELS, "../image.png"))
        for step, moment in ((0, 1), (1, 2), (None, 3), (5, None)):
            j.see(
                f"key, step {step}, {moment}",
                lambda s=step, t=moment: mlflow.log_image(PIXELS, key="dogs", step=s, timestamp=t, synchronous=True),
            )
        j.see("key later", lambda: mlflow.log_image(PIXELS, key="cats/black", step=1, timestamp=1))
        j.see("key as a path", lambda: mlflow.log_image(PIXELS, key="a b", step=1, timestamp=1))
        j.see("bad key", lambda: mlflow.log_image(PIXELS, key="a#b", step=1, timestamp=1))
        j.see("key and file", lambda: mlflow.log_image(PIXELS, "a.png", key="a"))
        j.see("neither", lambda: mlflow.log_image(PIXELS))
        mlflow.flush_artifact_async_logging()
        mlflow.flush_async_logging()
    pyplot.close(figure)
    j.see("listed", lambda: [one.path for one in mlflow.artifacts.list_artifacts(run_id=run.info.run_id)])
    j.see("images", lambda: len(mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="images")))


@journey
def fluent_tables(j: Journey) -> None:
    mlflow.set_experiment("fluent tables")
    table: dict[str, Any] = {"x": [1, 2], "text": ["a", "ünï"], "none": [None, 1.5]}
    more, runs = pandas.DataFrame({"x": [3], "new": [True]}), []
    for number in (1, 2):
        with mlflow.start_run(run_name=f"run {number}") as run:
            runs.append(run.info.run_id)
            j.see(f"log {number}", lambda: mlflow.log_table(table, "table.json"))
            j.see(f"log more {number}", lambda: mlflow.log_table(more, "table.json"))
            j.see(f"log deep {number}", lambda: mlflow.log_table(table, "deep/table.parquet"))
    with mlflow.start_run(run_name="odd"):
        j.see("scalars", lambda: mlflow.log_table({"a": 1, "b": "x"}, "scalars.json"))
        j.see("uneven", lambda: mlflow.log_table({"a": [1], "b": [1, 2]}, "uneven.json"))
        j.see("no table", lambda: mlflow.log_table([1, 2], "none.json"))
        j.see("no format", lambda: mlflow.log_table(table, "table.txt"))
        j.see("images", lambda: mlflow.log_table({"i": [mlflow.Image(PIXELS)], "n": ["one"]}, "images.json"))
    for number, given in enumerate((
        {}, {"run_ids": runs[:1]}, {"run_ids": runs}, {"extra_columns": ["run_id"]}, {"run_ids": []},
        {"run_ids": ["f" * 32]}, {"extra_columns": ["start_time", "nothing"]}, {"extra_columns": ["params.a"]},
    )):  # fmt: skip
        j.see(f"load in way {number}", lambda given=given: mlflow.load_table("table.json", **given))
    j.see("load deep", lambda: mlflow.load_table("deep/table.parquet"))
    j.see("load nothing", lambda: mlflow.load_table("nowhere.json"))
    j.see("load images", lambda: mlflow.load_table("images.json")["n"].tolist())
    experiment = mlflow.get_experiment_by_name("fluent tables").experiment_id
    j.see("load by the client", lambda: j.client.load_table(experiment, "table.json", runs[:1], ["run_id"]))
    j.see("to an unknown run", lambda: mlflow.log_table(table, "table.json", run_id="f" * 32))
