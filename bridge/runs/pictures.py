"""Create the image file for an image that a script logs: a file, a figure, a PIL image or an array."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotFound
from bridge.journal.system import is_of_handler

if TYPE_CHECKING:
    import numpy

HEAD_BYTES = 4096
"""The number of bytes at the beginning of a file that are read to find the type of the image."""

KNOWN = "png, jpg, gif, bmp, tiff, webp or svg"
SOURCES = "must be the path of an image file, its bytes, a figure, a PIL image or an array of pixels"
SHAPES = "must have the shape (height, width), or (height, width, channels) with 1, 3 or 4 channels"
PIXELS = "must be uint8, bool, or floats within 0 and 1"

SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)

PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
"""PIL's names of the pixel formats that a PNG file can store."""


class Picture(NamedTuple):
    """An image that can be stored: a file or bytes, and the ending of the file name."""

    source: Path | bytes
    ending: str


def picture_of(path: object, plot: object) -> Picture:
    """Return the image that a caller of `Run.log_image` passed as `path` or as `plot`.

    Raises:
        InvalidValue: both or neither of the arguments are given, or the value is not an image.
        NotFound: the file does not exist.
    """
    if (path is None) == (plot is None):
        given = "neither" if path is None else "both"
        raise InvalidValue("path and plot", given, "exactly one of them must be given")
    if path is not None:
        return _picture("path", path)
    return _picture("plot", plot)


def file_name(name: str, time: int, ending: str) -> str:
    """Return a new file name that contains a metric's name: `<name>_<time>_<4 hex digits>.<ending>`."""
    return f"{_readable(name)}_{time}_{os.urandom(2).hex()}.{ending}"


def image_name(name: str, step: int, time: int, ending: str) -> str:
    """Return a new file name for an image: `<name>+step+<step>+timestamp+<time>+<4 hex digits>.<ending>`.

    MLflow's UI shows the images of a run only if all files in the folder `images` have such names.

    Source: MLflow 3.17.2, `MlflowClient.log_image`.
    """
    return f"{image_prefix(name)}{step}+timestamp+{time}+{os.urandom(2).hex()}.{ending}"


def image_prefix(name: str) -> str:
    """Return the first part of the file names of all images that are logged under a name. A `/` becomes `~`."""
    return f"{_readable(name.replace('/', '~'))}+step+"


def _readable(name: str) -> str:
    """Return a metric's name without characters that are unusual in file names."""
    readable = re.sub(r"[^\w.~-]+", "_", name).strip("._~").encode()[:120].decode(errors="ignore")
    return readable or "unnamed"


def _picture(what: str, value: Any) -> Picture:
    if isinstance(value, (str, os.PathLike)):
        return _of_file(what, check_local_path(what, value))
    if callable(getattr(value, "read", None)):
        value = value.read()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return Picture(bytes(value), _ending(what, bytes(value[:HEAD_BYTES]), f"{len(value)} bytes"))
    if _is_of("PIL.Image", "Image", value):
        return Picture(_png(value), "png")
    if not callable(getattr(value, "savefig", None)) and callable(getattr(value, "get_figure", None)):
        value = value.get_figure()  # the value is an `Axes` of matplotlib
    if callable(getattr(value, "savefig", None)):
        return Picture(_of_figure(value), "png")
    array = _array(value)
    if array is None:
        raise InvalidValue(what, value, SOURCES)
    return Picture(_of_array(what, array), "png")


def _of_file(what: str, file: Path) -> Picture:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        if is_of_handler(error):
            raise
        if isinstance(error, FileNotFoundError):
            raise NotFound("file", str(file)) from None
        raise InvalidValue(what, str(file), f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    return Picture(file, _ending(what, head, str(file)))


def _ending(what: str, head: bytes, shown: str) -> str:
    """Return the file name ending for an image whose first bytes are `head`.

    Raises:
        InvalidValue: these bytes do not belong to an image.
    """
    for signature, ending in SIGNATURES:
        if head.startswith(signature):
            return ending
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<") and re.search(rb"<(\w+:)?svg[\s>]", text):
        return "svg"
    raise InvalidValue(what, shown, f"must be an image ({KNOWN}), but its content is not one")


def _is_of(module: str, name: str, value: object) -> bool:
    """Return whether a value is an instance of a class, without importing its module."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _of_figure(figure: Any) -> bytes:
    import io
    import logging

    numbers = getattr(figure, "get_fignums", None)
    if callable(numbers) and not numbers():
        logging.getLogger("bridge").warning("Pyplot has no open figure: the logged image is empty.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _array(value: Any) -> numpy.ndarray[Any, Any] | None:
    """Return the pixels of an array or a tensor; None if the value is neither."""
    if callable(getattr(value, "detach", None)):
        value = value.detach().cpu()
        if "bfloat16" in str(getattr(value, "dtype", "")):  # numpy has no type bfloat16
            value = value.float()
    if callable(getattr(value, "numpy", None)):
        value = value.numpy()
    if not hasattr(value, "__array__"):
        return None
    import numpy

    return numpy.asarray(value)


def _of_array(what: str, array: numpy.ndarray[Any, Any]) -> bytes:
    import numpy

    if array.ndim not in (2, 3) or not array.size or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise InvalidValue(f"shape of {what}", array.shape, SHAPES)
    if array.dtype.kind == "f":
        if not ((array >= 0) & (array <= 1)).all():  # NaN is refused too, because it fails both comparisons
            raise InvalidValue(f"pixels of {what}", (float(array.min()), float(array.max())), PIXELS)
        array = numpy.rint(array.astype(numpy.float64) * 255)
    elif array.dtype == bool:
        array = array * numpy.uint8(255)
    elif array.dtype != numpy.uint8:
        raise InvalidValue(f"pixels of {what}", str(array.dtype), PIXELS)
    try:
        from PIL import Image
    except ImportError as error:
        raise InvalidValue(what, "an array", "is stored as an image only with Pillow: pip install pillow") from error
    pixels = numpy.ascontiguousarray(array, dtype=numpy.uint8)
    return _png(Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels))


def _png(image: Any) -> bytes:
    import io

    if image.mode not in PNG_MODES:
        image = image.convert("I;16" if image.mode == "I" else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()
