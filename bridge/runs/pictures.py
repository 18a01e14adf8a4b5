"""Images to be logged: the bytes and the type of a file, figure, picture or array."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotFound

if TYPE_CHECKING:
    import numpy

HEAD_BYTES = 4096
"""How much of a file tells what it is."""

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
"""How PIL calls the pixels that a PNG file can hold."""


class Picture(NamedTuple):
    """An image as it is kept: a file or bytes, and the ending of its name."""

    source: Path | bytes
    ending: str


def picture_of(path: object, plot: object) -> Picture:
    """The picture that `run.log_image` was given, as `path` or as `plot`.

    Raises:
        InvalidValue: both or neither are given, or this is no image.
        NotFound: there is no such file.
    """
    if (path is None) == (plot is None):
        given = "neither" if path is None else "both"
        raise InvalidValue("path and plot", given, "exactly one of them must be given")
    if path is not None:
        return _picture("path", path)
    return _picture("plot", plot)


def file_name(name: str, time: int, ending: str) -> str:
    """A file name that shows a metric's name and is no other's: `<name>_<time>_<4 hex digits>.<ending>`."""
    readable = re.sub(r"[^\w.-]+", "_", name).strip("._").encode()[:120].decode(errors="ignore")
    return f"{readable or 'unnamed'}_{time}_{os.urandom(2).hex()}.{ending}"


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
        value = value.get_figure()  # of axes
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
    except FileNotFoundError:
        raise NotFound("file", str(file)) from None
    except OSError as error:
        raise InvalidValue(what, str(file), f"cannot be read: {(error.strerror or str(error)).lower()}") from error
    return Picture(file, _ending(what, head, str(file)))


def _ending(what: str, head: bytes, shown: str) -> str:
    """What kind of image begins so."""
    for signature, ending in SIGNATURES:
        if head.startswith(signature):
            return ending
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<") and re.search(rb"<(\w+:)?svg[\s>]", text):
        return "svg"
    raise InvalidValue(what, shown, f"must be an image ({KNOWN}), and its content is none")


def _is_of(module: str, name: str, value: object) -> bool:
    """Whether a value is of a class of a module; one that was never loaded has made no value."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _of_figure(figure: Any) -> bytes:
    import io
    import logging

    numbers = getattr(figure, "get_fignums", None)
    if callable(numbers) and not numbers():
        logging.getLogger("bridge").warning("Pyplot has no open figure: the image that is logged is empty.")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _array(value: Any) -> numpy.ndarray[Any, Any] | None:
    """The pixels of an array or a tensor; None if it is neither."""
    if callable(getattr(value, "detach", None)):
        value = value.detach().cpu()
        if "bfloat16" in str(getattr(value, "dtype", "")):  # which numpy does not have
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
        if not ((array >= 0) & (array <= 1)).all():  # NaN is neither
            raise InvalidValue(f"pixels of {what}", (float(array.min()), float(array.max())), PIXELS)
        array = numpy.rint(array.astype(numpy.float64) * 255)
    elif array.dtype == bool:
        array = array * numpy.uint8(255)
    elif array.dtype != numpy.uint8:
        raise InvalidValue(f"pixels of {what}", str(array.dtype), PIXELS)
    try:
        from PIL import Image
    except ImportError as error:
        raise InvalidValue(what, "an array", "needs Pillow to become an image: pip install pillow") from error
    pixels = numpy.ascontiguousarray(array, dtype=numpy.uint8)
    return _png(Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels))


def _png(image: Any) -> bytes:
    import io

    if image.mode not in PNG_MODES:
        image = image.convert("I;16" if image.mode == "I" else "RGB")
    buffer = io.BytesIO()
    image.save(buffer, format="png")
    return buffer.getvalue()
