"""The last images of several runs under one key. A page shows them side by side."""

from __future__ import annotations

from starlette.responses import Response

from bridge.errors import NotFound
from bridge.runs.metric_values import logged_metric
from bridge.server.portal.answers import json_answer
from bridge.server.portal.ask import Ask

MOST_RUNS = 200


def get_images(ask: Ask) -> Response:
    """Answer with the last image that each run logged under `key`, in the order of `runs`.

    Runs without an image under this key are absent.
    """
    ids, key = ask.words("runs", MOST_RUNS), ask.query.get("key", "")
    found = []
    for id, series in ask.tracking.get_series_of(ids, [key]).items():
        try:
            images = [file for file in logged_metric(key, series).files if file.kind == "image"]
        except NotFound:
            continue
        if images:
            found.append({"run": id, "path": images[-1].path, "step": images[-1].step, "images": len(images)})
    return json_answer(ask, {"images": found})
