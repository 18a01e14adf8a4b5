"""A server of two workspaces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served_workspaces import ServedBySubprocess, served

from bridge.store.create import create_store

NAMES = ("anna", "boris")


@pytest.fixture(scope="package")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of two workspaces, by name."""
    folder = tmp_path_factory.mktemp("served")
    for name in NAMES:
        create_store(folder / name, name)
    return {name: folder / name for name in NAMES}


@pytest.fixture(scope="package")
def server(folders: dict[str, Path]) -> Iterator[ServedBySubprocess]:
    """A server of both."""
    log = folders["anna"].parent / "server.log"
    with served(folders, log) as running:
        yield running
    assert "Traceback" not in log.read_text()
