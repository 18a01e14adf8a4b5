"""Fixtures for all tests.

Every test has its own working folder, because a run captures `outputs` and `logs` there, and its own home folder."""

from __future__ import annotations

import gc
import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest
from both_places import empty_addresses, served_addresses  # noqa: F401
from forked import Child, Fork, Say
from hypothesis import HealthCheck, settings
from interrupting import Interrupts
from longer import SCALE

from bridge.store import journaled
from bridge.store.background import background
from bridge.store.sql import sqlite
from bridge.store.sql.migrate import migrate, read_schema

# Examples may take as long as they need, because the machine may be busy. They may share what a fixture made. They are
# the same in each run, so that a change of the code is the only reason for another result; longer runs draw others.
settings.register_profile(
    "tests",
    max_examples=40 * SCALE,
    derandomize=SCALE == 1,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("tests")

_numbers = count()
_frozen = 0

gc.disable()  # until the tests are collected: collections took a fifth of the time, and most objects stay


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="NUMBER/COUNT", help="divide the tests into COUNT shares, and run one of them")


def pytest_configure() -> None:
    """Handle SIGINT as in the foreground: a job that a shell starts in the background inherits it as ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order parallel tests: first those with torch, which one process loads, then the files that may take longest.

    No long file runs last and alone then."""
    if share := config.getoption("share"):
        _choose(config, items, *map(int, share.split("/")))
    if hasattr(config, "workerinput"):
        longest: dict[Path, float] = {}
        for item in items:
            marker = item.get_closest_marker("timeout")
            longest[item.path] = max(longest.get(item.path, 0.0), marker.args[0] if marker else 0.0)
        items.sort(key=lambda item: (item.get_closest_marker("torch") is None, -longest[item.path]))


def _choose(config: pytest.Config, items: list[pytest.Item], number: int, count: int) -> None:
    """Keep one share of the tests. Each test is always in the same share, whichever others there are.

    Tests that interrupt calls depend on the bytecode, which each version of Python has of its own. They are in every
    share.
    """
    shares: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        is_chosen = crc32(item.nodeid.encode()) % count == number - 1
        shares[is_chosen or _depends_on_bytecode(item)].append(item)
    items[:] = shares[True]
    config.hook.pytest_deselected(items=shares[False])


def _depends_on_bytecode(item: pytest.Item) -> bool:
    if item.get_closest_marker("bytecode"):
        return True
    names = vars(item.module).values() if isinstance(item, pytest.Function) else ()
    return any(getattr(one, "__module__", "") == Interrupts.__module__ for one in names)


def pytest_collection_finish() -> None:
    _leave_modules_to_themselves()
    gc.set_threshold(5_000, 20, 20)  # with the default values, collections take twice as long
    gc.enable()


def pytest_runtest_setup() -> None:
    if len(sys.modules) > _frozen + 200:  # MLflow and torch import many modules when a test first needs them
        _leave_modules_to_themselves()


def _leave_modules_to_themselves() -> None:
    """Exclude the imported modules from garbage collections, which take half a second with them."""
    global _frozen
    gc.collect()
    gc.freeze()
    _frozen = len(sys.modules)


@pytest.fixture(autouse=True)
def working_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.getbasetemp() / f"working{next(_numbers)}"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path_factory.getbasetemp() / "home"))
    return folder


MLFLOW_VARIABLES = (
    ("mlflow.tracking._tracking_service.utils", "_tracking_uri"),
    ("mlflow.tracking._model_registry.utils", "_registry_uri"),
    ("mlflow.tracking.fluent", "_active_experiment_id"),
)
"""The variables in which MLflow keeps the settings of a process."""


@pytest.fixture
def garbage_collected() -> Iterator[None]:
    """Collect what an interrupted call has left open at the end of the test that ignores the warnings about it."""
    yield
    gc.collect()


@cache
def _empty_database() -> sqlite3.Connection:
    """Return a database in memory with the newest schema."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(connection)
    return connection


def _copy_or_migrate(to: sqlite3.Connection, name: str = "") -> None:
    if read_schema(to):
        migrate(to, name)
    else:
        _empty_database().backup(to)


@pytest.fixture(autouse=True)
def process_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """Restore what a test has changed in this process, in one fixture because each of them takes time in every test.

    - MLflow's settings are restored: addresses, the active experiment, and environment variables.
    - Databases are created as copies of an empty one, which takes a fifth of the time of the migrations. Tests with
      the marker `migrations`, and other processes, create them as usual.
    - The background work for the stores of the test is stopped, so that later tests count only their own work.
    """
    variables = _variables_of_mlflow()
    before = [getattr(sys.modules.get(module), name, None) for module, name in MLFLOW_VARIABLES]
    is_migrated = request.node.get_closest_marker("migrations")
    setattr(sqlite, "migrate", migrate if is_migrated else _copy_or_migrate)  # noqa: B010  # mypy forbids the assignment
    yield
    for (module, name), value in zip(MLFLOW_VARIABLES, before, strict=True):
        if module in sys.modules:
            setattr(sys.modules[module], name, value)
    if (now := _variables_of_mlflow()) != variables:
        for variable in now.keys() - variables.keys():
            del os.environb[variable]
        os.environb.update(variables)
    _stop_background_work()


def _variables_of_mlflow() -> dict[bytes, bytes]:
    return {name: value for name, value in os.environb.items() if b"MLFLOW_" in name}


def _stop_background_work() -> None:
    with background._lock:
        for store in list(background._stores):
            background.remove(store)
            store.is_tended = False  # a store that outlives the test is served again from its next call on


@pytest.fixture
def untended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the background thread, here and in children, so that the test controls every fold."""
    monkeypatch.setattr(journaled.JournaledStore, "be_tended", lambda self: None)


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new folder. Pytest's own fixture lists the folders of all earlier tests to find a free name."""
    name = re.sub(r"\W", "_", request.node.name)[:30]
    folder = tmp_path_factory.getbasetemp() / f"{name}{next(_numbers)}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def fork() -> Iterator[Fork]:
    """Return a function that starts children; the fixture kills the remaining ones at its end."""
    import numpy  # noqa: F401  # imported once here, not in every child

    children: list[Child] = []

    def start(function: Callable[[Say], object]) -> Child:
        children.append(Child(function))
        return children[-1]

    yield start
    for child in children:
        child.close()
