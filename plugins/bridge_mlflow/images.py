"""Images of `MlflowClient.log_image` for native readers, and images of `Run.log_image` for MLflow's UI.

MLflow's clients store two files for each image, and MLflow's UI shows the smaller one, `<name>+compressed.webp`.
`Run.log_image` stores one file. MLflow's clients see this file twice: also under the name of the smaller one.

Source: MLflow 3.17.2, `MlflowClient.log_image`. Earlier versions separate the parts of a name by `%`, and replace the
first character of the UUID by a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from bridge.records.artifact import ArtifactRecord
from bridge.records.series import IMAGE, Point

FOLDER = "images"
NATIVE = re.compile(r"(images/[^/]+\+step\+-?\d+\+timestamp\+\d+\+[0-9a-f]{4})(\+compressed)?(\.png|\.webp)")
"""The artifact path of an image of `Run.log_image`, or of its copy, in a format that MLflow's UI shows."""

OF_MLFLOW = re.compile(r"images/([^/%+]+)([%+])step\2(-?\d{1,18})\2timestamp\2(\d{1,18})\2[0-9a-z-]{36}\.png")
"""The artifact path of an image that MLflow's client logged under a key: its key, step and timestamp."""


def logged_image(path: str) -> Point | None:
    """Return the point of an image that MLflow's client stores at a path, or None if the path has another form."""
    match = OF_MLFLOW.fullmatch(path)
    if not match:
        return None
    key = re.sub("[~#]", "/", match[1])
    return Point(key, path, int(match[4]), int(match[3]), IMAGE)


def with_copies(files: Iterable[ArtifactRecord]) -> list[ArtifactRecord]:
    """Return the files of the folder `images` and the copies of native images, sorted by path."""
    found = {file.path: file for file in files}
    for path, file in list(found.items()):
        if (match := NATIVE.fullmatch(path)) and not match[2]:
            copy = f"{match[1]}+compressed{match[3]}"
            found.setdefault(copy, replace(file, path=copy))
    return [found[path] for path in sorted(found)]


def image_of_copy(path: str) -> str | None:
    """Return the path of the native image of which `path` is a copy, or None if it is not the path of a copy."""
    match = NATIVE.fullmatch(path)
    return match[1] + match[3] if match and match[2] else None
