"""Images of every supported kind are logged, stored under a file name of their own, and read back."""

from __future__ import annotations

import io
import logging
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy
import pytest
from both_places import IN_A_FOLDER
from matplotlib import pyplot
from PIL import Image

from bridge import BridgeError, InvalidValue, NotFound, Run, Workspace

SVG = b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a drawing -->\n<svg xmlns='http://www.w3.org/2000/svg'/>"


@pytest.fixture(autouse=True)
def figures() -> Any:
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def made(ending: str) -> bytes:
    """Return an image file of two pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (2, 1), (255, 0, 0)).save(buffer, format={"jpg": "jpeg"}.get(ending, ending))
    return buffer.getvalue()


def only_file(run: Run) -> tuple[str, bytes]:
    """Return the path and the content of the only image of the run."""
    (path,) = run.get_file_names()
    return path, b"".join(run.place.stores.artifacts.get(run.place.root(), path))


def pixels(run: Run) -> numpy.ndarray[Any, Any]:
    """Return the pixels of the only image of the run."""
    path, content = only_file(run)
    assert path.endswith(".png")
    return numpy.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("ending", ["png", "jpg", "gif", "bmp", "tiff", "webp", "svg"])
def test_an_image_file_is_stored_unchanged_and_recognised_by_its_content(run: Run, tmp_path: Path, ending: str) -> None:
    content = SVG if ending == "svg" else made(ending)
    file = tmp_path / "picture.data"
    file.write_bytes(content)
    run.log_image("ROC curve", str(file))
    path, kept = only_file(run)
    assert re.fullmatch(rf"images/ROC_curve\+step\+0\+timestamp\+\d{{13}}\+[0-9a-f]{{4}}\.{ending}", path)
    assert kept == content
    assert run.get_metrics() == {"ROC curve": f"aml://artifactId/ExperimentRun/dcid.{run.id}/{path}"}
    run.log_image("as a path", path=file)
    run.log_image("as bytes", content)
    run.log_image("as an array of bytes", bytearray(content))
    run.log_image("as a stream", io.BytesIO(content))
    assert len(run.get_file_names()) == 5


def test_repeated_images_are_all_stored_and_the_first_is_returned(workspace: Workspace, run: Run) -> None:
    for number in range(20):
        run.log_image("m", b"GIF89a %d" % number, step=number)
    again = Run.get(workspace, run.id)
    files = again.get_metric("m").files
    assert len({file.path for file in files}) == 20
    assert [file.step for file in files] == list(range(20))
    populated = again.get_metrics("m", populate=True)["m"]
    assert (populated.kind, populated.path, populated.data) == ("image", files[0].path, b"GIF89a 0")
    assert populated.filename == files[0].path.removeprefix("images/")
    with pytest.raises(InvalidValue, match="must be a chart"):
        populated.convert_to_object()
    assert again.get_metrics()["m"].endswith(files[0].path)


def test_a_figure_is_stored_and_neither_closed_nor_changed(run: Run) -> None:
    figure, axes = pyplot.subplots(figsize=(3, 2), dpi=50)
    axes.plot([1, 2])
    for number, plot in enumerate((pyplot, figure, axes)):
        run.log_image(f"{number}", plot=plot)
        run.log_image(f"{number}, as the docs once had it", plot)
    assert pyplot.get_fignums() == [figure.number]
    assert (figure.get_size_inches().tolist(), figure.dpi) == ([3, 2], 50)
    contents = {b"".join(run.place.stores.artifacts.get(run.place.root(), path)) for path in run.get_file_names()}
    assert len(contents) == 1
    assert Image.open(io.BytesIO(contents.pop())).size == (150, 100)


def test_pyplot_without_a_figure_causes_a_warning(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="bridge"):
        run.log_image("m", plot=pyplot)
    assert caplog.messages == ["Pyplot has no open figure: the logged image is empty."]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "F", "HSV"])
def test_a_pil_image_is_stored_as_png(run: Run, mode: str) -> None:
    run.log_image("m", Image.new(mode, (3, 2)))
    assert pixels(run).shape[:2] == (2, 3)


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 3), (2, 3, 4)])
def test_an_array_of_bytes_is_stored_pixel_by_pixel(run: Run, shape: tuple[int, ...]) -> None:
    array = numpy.arange(numpy.prod(shape), dtype=numpy.uint8).reshape(shape) * 10
    run.log_image("m", plot=array[::-1])  # not contiguous
    assert (pixels(run).reshape(shape) == array[::-1]).all()


def test_floats_from_0_to_1_become_black_to_white(run: Run) -> None:
    run.log_image("m", plot=numpy.array([[0.0, 0.25, 1.0]], dtype=numpy.float16))
    assert pixels(run).tolist() == [[0, 64, 255]]


def test_bools_become_black_and_white(run: Run) -> None:
    run.log_image("m", numpy.array([[True, False]]))
    assert pixels(run).tolist() == [[255, 0]]


@pytest.mark.torch
def test_a_tensor_is_logged_like_an_array(run: Run) -> None:
    import torch

    run.log_image("m", plot=torch.tensor([[0.0, 1.0]], requires_grad=True, dtype=torch.bfloat16))
    assert pixels(run).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (numpy.zeros((3, 8, 9), numpy.uint8), r"shape of plot \(3, 8, 9\): must have the shape"),
        (numpy.zeros(3, numpy.uint8), r"shape of plot \(3,\)"),
        (numpy.zeros((0, 3), numpy.uint8), r"shape of plot \(0, 3\)"),
        (numpy.zeros((2, 2), numpy.int64), "pixels of plot 'int64': must be uint8, bool, or floats within 0 and 1"),
        (numpy.full((2, 2), 1.5), r"pixels of plot \(1.5, 1.5\): must be uint8, bool, or floats within 0 and 1"),
        (numpy.full((2, 2), numpy.nan), "pixels of plot"),
    ],
)
def test_an_array_that_is_not_an_image_is_refused(run: Run, array: Any, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        run.log_image("m", plot=array)
    assert run.get_metrics() == {} and run.get_file_names() == []


def test_exactly_one_of_path_and_plot_is_required(run: Run) -> None:
    for given, arguments in (("neither", {}), ("both", {"path": "a.png", "plot": pyplot})):
        with pytest.raises(InvalidValue, match=f"path and plot '{given}': exactly one of them must be given"):
            run.log_image("m", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"text", b"<html><p>svg</p></html>", b"RIFF....WAVE", b"{}"])
def test_a_file_that_is_not_an_image_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    for path in (tmp_path / "a.png", content):
        with pytest.raises(InvalidValue, match="must be an image .*, but its content is not one"):
            run.log_image("m", path)
    assert run.get_metrics() == {} and run.get_file_names() == []


def test_a_missing_file_and_an_object_without_an_image_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"a\.png"):
        run.log_image("m", tmp_path / "a.png")
    with pytest.raises(InvalidValue, match="cannot be read: is a directory"):
        run.log_image("m", tmp_path)
    for plot in (3, {"x": 1}, [1, 2], object()):
        with pytest.raises(InvalidValue, match="must be the path of an image file, its bytes, a figure"):
            run.log_image("m", plot=plot)


@IN_A_FOLDER
def test_an_image_that_cannot_be_stored_is_not_logged(workspace: Workspace, run: Run) -> None:
    shutil.rmtree(workspace.path / "artifacts", ignore_errors=True)
    (workspace.path / "artifacts").write_text("in the way")
    with pytest.raises(BridgeError, match="artifact"):
        run.log_image("m", b"GIF89a")
    (workspace.path / "artifacts").unlink()
    assert run.get_metrics() == {}


@pytest.mark.parametrize("name", ["../../x", ".hidden", "a/b", "Größe 🎈", "...", "é" * 255])
def test_any_metric_name_gives_a_valid_file_name(run: Run, name: str) -> None:
    run.log_image(name, b"GIF89a")
    (path,) = run.get_file_names()
    assert re.fullmatch(r"images/\w[\w.~-]*\+step\+0\+timestamp\+\d{13}\+[0-9a-f]{4}\.gif", path)
    assert run.get_metrics(populate=True)[name].data == b"GIF89a"


def test_logging_loads_neither_numpy_nor_pillow_nor_matplotlib(tmp_path: Path) -> None:
    code = """
        import sys
        from bridge import Experiment, Workspace

        experiment = Experiment(Workspace.create("work", path=sys.argv[1]), "images")
        run = experiment.start_logging(snapshot_directory=None, outputs=False)
        run.log("scalar", 1, "described")
        run.log_list("list", range(3))
        run.log_row("row", x=1)
        run.log_table("table", {"x": [1, 2]})
        run.log_image("image", b"GIF89a")
        run.log_residuals("chart", {"schema_type": "residuals", "data": {"bin_edges": [0, 1], "bin_counts": [3]}})
        print(sorted({"numpy", "PIL", "matplotlib"} & set(sys.modules)))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "work")]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    assert done.stdout == "[]\n"


def test_an_array_without_pillow_is_refused_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(InvalidValue, match="is stored as an image only with Pillow: pip install pillow"):
        run.log_image("m", numpy.zeros((2, 2), numpy.uint8))
