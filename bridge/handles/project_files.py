"""The configuration files of project folders, which name a workspace."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bridge.address import check_local_path, check_path_form, is_workspace_uri
from bridge.errors import InvalidValue
from bridge.journal.system import is_of_handler
from bridge.store.local_file import Writing

FOLDERS = (".bridge", ".azureml", "aml_config", "")
NAMES = ("config.json", "project.json")
SCOPE = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.MachineLearningServices/workspaces/([^/]+)",
    re.IGNORECASE,
)
PORTAL_KEYS = ("subscription_id", "resource_group", "workspace_name")
FORMS = (
    'must be a JSON object with an "address" (a folder or a bridge: URI), with a "Scope", or with '
    + '"subscription_id", "resource_group" and "workspace_name"'
)


class Config(NamedTuple):
    """The content of a configuration file: an address, or the name of a workspace in `$BRIDGE_HOME`, or both.

    If the file has both, the address is used.
    """

    address: str | None
    name: str | None
    azure_values: dict[str, Any]


def find_config(path: str | os.PathLike[str] | None, file_name: str | None = None) -> Path:
    """Return the configuration file of a folder, or `path` itself if it is a file.

    The file is `config.json` or `project.json`, in the subfolder `.bridge`, in the SDK's subfolders `.azureml` or
    `aml_config`, or in the folder itself. The subfolders are tried in this order.
    In each subfolder, `config.json` is tried before `project.json`.
    Each path is tried in the folder and in all folders above it before the next path is tried.

    Source: Azure ML SDK v1, `Workspace.from_config`.

    Raises:
        InvalidValue: no file exists.
    """
    begin = check_local_path("path", path if path is not None else ".").expanduser().absolute()
    if begin.is_file():
        return begin
    names = (str(check_path_form("file name", file_name)),) if file_name else NAMES
    for file in _places(begin, names):
        if file.is_file():
            return file
    rule = "has no .bridge/config.json, .azureml/config.json or config.json, and no folder above it does: "
    raise InvalidValue("folder", str(begin), rule + "write one with ws.write_config(), or use Workspace.open")


def find_project_config() -> Path | None:
    """Return the configuration file of the working folder, as `find_config` does.

    Returns:
        None if no file exists, or if the file belongs to another program.
    """
    try:
        file = find_config(None)
    except (InvalidValue, OSError) as error:  # a folder may be unreadable, or removed
        if is_of_handler(error):
            raise
        return None
    if file.parent.name not in FOLDERS[:3]:
        try:
            read_config(file)
        except InvalidValue:
            return None
    return file


def _places(begin: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for folder in FOLDERS:
        for name in names:
            for above in (begin, *begin.parents):
                yield above / folder / name


def read_config(file: Path) -> Config:
    """Return the content of a configuration file.

    A relative address in it is relative to the project folder. The project folder is the folder of the file, or the
    folder above it if the file is in `.bridge`, `.azureml` or `aml_config`.

    Raises:
        InvalidValue: the file cannot be read, or has none of the three forms in `FORMS`.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        if is_of_handler(error):
            raise
        reason = f"it is not JSON ({error})"
        if isinstance(error, OSError):
            reason = f"it cannot be read: {(error.strerror or str(error)).lower()}"
        raise InvalidValue(f"configuration {file}", None, f"{FORMS}; {reason}") from error
    if not isinstance(content, dict):
        raise InvalidValue(f"configuration {file}", content, FORMS)
    address = content.get("address")
    subscription, group, name = _scope_of(content, file)
    if not (isinstance(address, str) and address) and name is None:
        raise InvalidValue(f"configuration {file}", content, FORMS)
    values = {"subscription_id": subscription, "resource_group": group}
    return Config(_from_project(address, file), name, {key: value for key, value in values.items() if value})


def _scope_of(content: dict[str, Any], file: Path) -> tuple[str | None, str | None, str | None]:
    scope = content.get("Scope")
    if isinstance(scope, str):
        found = SCOPE.fullmatch(scope.rstrip("/"))
        if found is None:
            wanted = "/subscriptions/…/resourceGroups/…/providers/Microsoft.MachineLearningServices/workspaces/…"
            raise InvalidValue("Scope", scope, f"must have the form {wanted} (in {file})")
        return found[1], found[2], found[3]
    if all(isinstance(content.get(key), str) for key in PORTAL_KEYS):
        return content["subscription_id"], content["resource_group"], content["workspace_name"]
    return None, None, None


def _from_project(address: object, file: Path) -> str | None:
    if not isinstance(address, str) or not address:
        return None
    if "://" in address or is_workspace_uri(address) or address.startswith("~"):
        return address
    folder = file.parent.parent if file.parent.name in FOLDERS else file.parent
    return os.path.join(folder, address)


def write_config(path: str | os.PathLike[str] | None, file_name: str | None, content: dict[str, Any]) -> Path:
    """Write a file that `find_config` finds. The SDK finds it too, unless a `.bridge/config.json` exists.

    Source: Azure ML SDK v1, `Workspace.write_config`.
    """
    folder = check_local_path("path", path if path is not None else ".").expanduser()
    name = NAMES[0] if file_name in (None, "") else str(check_local_path("file_name", file_name))
    name = name if name.endswith(".json") else f"{name}.json"
    if folder.name not in FOLDERS[:3]:
        there = [above for above in (".bridge", "aml_config") if (folder / above / name).exists()]
        folder = folder / (there[0] if there else "aml_config" if (folder / "aml_config").is_dir() else ".azureml")
    if not file_name and (folder / NAMES[1]).exists():
        name = NAMES[1]
    file = folder / name
    with Writing(file):
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return file
