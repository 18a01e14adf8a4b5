"""The recorded environment of a run: Python, the installed packages, and the computer."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

from bridge.errors import NotFound
from bridge.journal.system import is_of_handler
from bridge.source.manifest import ROOT
from bridge.store.artifacts import ArtifactStore

ENVIRONMENT_PROPERTY = "bridge.environment"
"""The property of a run that contains the id of its recorded environment."""

ID = re.compile(r"[0-9a-f]{32}")
GPUS = Path("/proc/driver/nvidia/gpus")
"""The folder in which NVIDIA's driver has a folder for each GPU of the computer."""

_OF_PACKAGE = ".dist-info"
_MODEL = re.compile(r"^Model:\s*(.+?)\s*$", re.MULTILINE)


def keep_environment(artifacts: ArtifactStore, has_packages: bool = True) -> str:
    """Store the environment of this process, and return its id. Equal environments are stored once.

    Args:
        artifacts: the artifact store.
        has_packages: whether to store Python and its packages too. False if the run uses another Python.
    """
    content = json.dumps(environment_of_process(has_packages), sort_keys=True).encode()
    id = environment_id_of(hashlib.sha256(content).hexdigest())
    if artifacts.stat(ROOT, environment_path(id)) is None:
        artifacts.put(ROOT, environment_path(id), content)
    return id


def read_environment(artifacts: ArtifactStore, id: str) -> dict[str, Any]:
    """Return a recorded environment; see `environment_of_process`.

    Raises:
        NotFound: the workspace does not have it, or it is damaged.
    """
    if ID.fullmatch(id):
        content = b"".join(artifacts.get(ROOT, environment_path(id)))
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
    raise NotFound("recorded environment", id)


def copy_environment(source: ArtifactStore, target: ArtifactStore, id: str) -> None:
    """Copy a recorded environment from one workspace to another.

    Raises:
        NotFound: as for `read_environment`.
    """
    content = json.dumps(read_environment(source, id), sort_keys=True).encode()
    if target.stat(ROOT, environment_path(id)) is None:
        target.put(ROOT, environment_path(id), content)


def environment_of_process(has_packages: bool = True) -> dict[str, Any]:
    """Return facts about this process and its computer. They are cheap to find: no other program is started.

    `packages` contains the version of each installed package. Names have lower case letters, and `-` instead of `_`.
    """
    system = os.uname()
    facts: dict[str, Any] = {
        "system": f"{system.sysname} {system.release} {system.machine}",
        "host": system.nodename,
        "processors": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": _gpus(),
    }
    if has_packages:
        facts["python"] = platform.python_version()
        facts["implementation"] = platform.python_implementation()
        facts["executable"] = sys.executable
        facts["packages"] = _packages()
    return facts


def _packages() -> dict[str, str]:
    """Return the installed packages. The names of their folders suffice, so no file is read."""
    found: dict[str, str] = {}
    for folder in sys.path:
        try:
            names = os.listdir(folder or ".")
        except OSError as error:  # a zip file, or a folder that does not exist
            if is_of_handler(error):
                raise
            continue
        for entry in names:
            if entry.endswith(_OF_PACKAGE):
                name, _, version = entry.removesuffix(_OF_PACKAGE).partition("-")
                found.setdefault(name.replace("_", "-").lower(), version)
    return found


def _gpus() -> list[str]:
    """Return the names of the GPUs of this computer, as far as NVIDIA's driver lists them."""
    found = []
    for folder in sorted(GPUS.glob("*")):
        try:
            about = (folder / "information").read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            if is_of_handler(error):
                raise
            continue
        if match := _MODEL.search(about):
            found.append(match[1])
    return found


def environment_id_of(sha256: str) -> str:
    """Return the id of the recorded environment whose content has a hash."""
    return sha256[:32]


def environment_path(id: str) -> str:
    """Return the artifact path of a recorded environment."""
    return f"environments/{id}.json"
