"""The logs of a run: text files that the run, its launcher or the build of its environment has written."""

from __future__ import annotations

from pathlib import Path

from bridge.address import check_local_path
from bridge.errors import InvalidValue, NotAllowed, NotFound
from bridge.runs.files import LocalPath
from bridge.runs.open_page import portal_url
from bridge.store.layout import ARTIFACTS
from bridge.store.local_file import Writing
from bridge.store.run_place import RunPlace

LOG_FOLDERS = ("user_logs", "system_logs", "logs", "azureml-logs")


def log_urls(place: RunPlace) -> dict[str, str]:
    """Return the `file:` URLs of the logs by artifact path. On a server, they are the page of the run."""
    paths = log_paths(place)
    if not paths:
        return {}
    workspace = place.stores.folder
    if workspace is None:
        page = portal_url(place.stores, f"runs/{place.run_id}")
        return dict.fromkeys(paths, page)
    folder = workspace / ARTIFACTS / place.root()
    return {path: (folder / path).as_uri() for path in paths}


def log_texts(place: RunPlace) -> dict[str, str]:
    """Return the text of each log by artifact path; bytes that are not UTF-8 are replaced."""
    return {path: _content(place, path).decode("utf-8", "replace") for path in log_paths(place)}


def download_logs(place: RunPlace, destination: LocalPath | None) -> list[str]:
    """Write the logs below a folder and return their paths; see `Run.get_all_logs`."""
    default = Path("assets") / place.run_id
    folder = check_local_path("destination", default if destination is None else destination)
    if folder.exists() and not folder.is_dir():
        raise InvalidValue("destination", str(folder), "must be a folder")
    with Writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    targets = {path: folder / path for path in log_paths(place)}
    for path, target in targets.items():
        place.stores.artifacts.download(place.root(), path, target)
    return [str(target) for target in targets.values()]


def log_paths(place: RunPlace) -> list[str]:
    """Return the artifact paths of the logs.

    If the experiment has an artifact location outside the workspace, only MLflow's clients can read its files. The list
    is then empty.
    """
    try:
        root = place.root()
    except NotAllowed:
        return []
    artifacts = place.stores.artifacts
    return [record.path for folder in LOG_FOLDERS for record in artifacts.list(root, folder, recursive=True)]


def _content(place: RunPlace, path: str) -> bytes:
    try:
        return b"".join(place.stores.artifacts.get(place.root(), path))
    except NotFound:  # the log was removed concurrently
        return b""
