"""Every method that MLflow's stores have, or that MLflow calls on a store, is ours, forwarded or inherited."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.abstract_store import AbstractStore as AbstractRegistry
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as SqlRegistry
from mlflow.store.tracking.abstract_store import AbstractStore
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from bridge.store.one_run import get_run
from bridge_mlflow.forwarded import (
    FORWARDED_DEFAULTS,
    FORWARDED_READS,
    FORWARDED_WRITES,
    REGISTRY_READS,
    REGISTRY_WRITES,
    SQL_PARTS,
)
from bridge_mlflow.model_registry import BridgeRegistryStore
from bridge_mlflow.tracking_store import BridgeTrackingStore

FORWARDED = FORWARDED_READS | FORWARDED_DEFAULTS | FORWARDED_WRITES
PARTS = BridgeTrackingStore.__mro__[: BridgeTrackingStore.__mro__.index(AbstractStore)]
DEFINED = {name for part in PARTS for name in vars(part)}
OURS = {name for name in DEFINED if hasattr(AbstractStore, name) or hasattr(SqlAlchemyStore, name)}
WRITTEN = sorted(
    name
    for name in OURS - FORWARDED
    if inspect.isfunction(inspect.getattr_static(BridgeTrackingStore, name)) and name != "__init__"
)
"""Our methods that are not forwarded."""
RIGHT_AS_INHERITED = frozenset(
    """
    _evenly_spaced_indices end_async_logging flush_async_logging log_metric_async log_param_async search_runs
    set_tag_async shut_down_async_logging supports_trace_archival supports_workspaces
    """.split()
)
"""Methods that are correct as inherited: helpers, the queue of asynchronous logging, and unsupported features."""
OF_THE_REGISTRY = frozenset({"supports_workspaces"})
ITS_OWN_AFFAIR = frozenset(
    """
    ARTIFACTS_FOLDER_NAME DEFAULT_EXPERIMENT_ID EVALUATION_DATASET_ID_PREFIX MODELS_FOLDER_NAME TRACE_FOLDER_NAME
    CREATE_MODEL_VERSION_RETRIES get_max_step_for_metric sanitize_metric_value search_entities_by_destination
    search_entities_by_source
    """.split()
)
"""Public names that only MLflow's SQL stores use themselves. A test below finds any other use."""

SOURCES = Path(mlflow.__file__).parent
STORES = re.compile(r"store/(tracking|model_registry)/.*_store\.py|store/fs2db/|protos/|server/auth/sqlalchemy")
"""Files that are not searched: MLflow's own stores, and code that reads files of earlier releases."""
CALL_ON_A_STORE = re.compile(r"store\w*(\(.*?\))?\s*\.\s*_?\w", re.IGNORECASE)


class Use(NamedTuple):
    """A use of an attribute of a store in MLflow's code."""

    name: str
    where: str


def test_every_method_of_mlflows_tracking_stores_is_ours_or_forwarded() -> None:
    offered = public(AbstractStore) | public(SqlAlchemyStore)
    assert offered - OURS - RIGHT_AS_INHERITED - ITS_OWN_AFFAIR == set()
    assert not OURS & RIGHT_AS_INHERITED


def test_every_method_of_mlflows_registries_is_forwarded() -> None:
    offered = public(AbstractRegistry) | public(SqlRegistry)
    assert offered - REGISTRY_READS - REGISTRY_WRITES - OF_THE_REGISTRY - ITS_OWN_AFFAIR == set()


@pytest.mark.rules
def test_every_forwarded_method_exists_and_is_in_one_table_only() -> None:
    assert [name for name in FORWARDED if not hasattr(SqlAlchemyStore, name)] == []
    assert [name for name in REGISTRY_READS | REGISTRY_WRITES if not hasattr(SqlRegistry, name)] == []
    tables = FORWARDED_READS, FORWARDED_DEFAULTS, FORWARDED_WRITES
    assert sum(map(len, tables)) == len(FORWARDED)
    assert not REGISTRY_READS & REGISTRY_WRITES
    assert FORWARDED <= OURS


def test_every_method_that_mlflow_calls_on_a_store_is_ours_or_forwarded() -> None:
    known = OURS | RIGHT_AS_INHERITED | set(vars(BridgeRegistryStore)) | OF_THE_REGISTRY
    missing = [
        f"{use.where} asks a store for {use.name}, which is neither ours nor forwarded."
        for use in uses()
        if use.name not in known and (hasattr(SqlAlchemyStore, use.name) or hasattr(SqlRegistry, use.name))
    ]
    assert not missing, "\n".join(missing)


@pytest.mark.rules
def test_the_search_for_calls_finds_the_known_calls() -> None:
    found = {use.name for use in uses()}
    of_commands = {"_get_deleted_runs", "_hard_delete_run", "_hard_delete_experiment", "_get_deleted_logged_models"}
    of_the_server = {"_search_datasets", "_load_dataset_records", "get_metric_history_bulk", "delete_tag", "log_batch"}
    assert of_commands | of_the_server | SQL_PARTS | {"_get_decrypted_secret", "create_model_version"} <= found
    assert len(found & OURS) > 150


@pytest.mark.rules
@pytest.mark.parametrize("name", WRITTEN)
def test_a_method_has_the_parameters_of_mlflows_own(name: str) -> None:
    offered = getattr(SqlAlchemyStore, name, None) or getattr(AbstractStore, name)
    theirs, ours = (list(inspect.signature(one).parameters.values()) for one in (offered, method_of_ours(name)))
    fixed = [one for one in ours if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    assert len(fixed) == len(theirs) or len(fixed) < len(ours)
    for mine, one in zip(fixed, theirs, strict=False):
        assert (mine.name, mine.kind, mine.default) == (one.name, one.kind, one.default)


@pytest.mark.parametrize("later", ["later", "workspace"])
@pytest.mark.parametrize("name", WRITTEN)
def test_an_argument_of_a_later_release_is_refused_if_it_has_a_value(
    name: str, later: str, store: AbstractStore
) -> None:
    required = [one for one in inspect.signature(method_of_ours(name)).parameters.values() if one.default is one.empty]
    some = {"metric": Metric("m", 1.0, 1, 1)}
    given = [some.get(one.name) for one in required[1:] if one.kind == one.POSITIONAL_OR_KEYWORD]
    with pytest.raises(MlflowException, match=f"has no argument '{later}' here"):
        answer = method_of_ours(name)(store, *given, **{later: 5})
        answer.wait()  # an asynchronous call raises there


def test_an_empty_argument_of_a_later_release_is_accepted(store: Any) -> None:
    run = store.create_run("0", "ann", 1, [], "a", later=None).info.run_id
    for value in (None, False, "", ()):
        store.log_metric(run, Metric("m", 1.0, 1, 1), later=value)
        store.log_batch_async(run, [Metric("n", 1.0, 1, 1)], [], [], later=value).wait()
        assert store.get_run(run, later=value).data.metrics == {"m": 1.0, "n": 1.0}
        assert len(store.search_experiments(later=value, workspace=value)) == 1
    assert get_run(store.workspace.tracking, run).display_name == "a"


def method_of_ours(name: str) -> Callable[..., Any]:
    method: Callable[..., Any] = getattr(BridgeTrackingStore, name)
    return method


@pytest.fixture
def store(uri: str) -> Any:
    return BridgeTrackingStore(uri)


def public(store: type) -> set[str]:
    return {name for name in dir(store) if not name.startswith("_")}


@cache
def uses() -> list[Use]:
    """Return every use of a store in MLflow's commands, server, clients and libraries."""
    files = [path for path in SOURCES.rglob("*.py") if not STORES.match(path.relative_to(SOURCES).as_posix())]
    return [use for path in files for use in read(path)]


def read(path: Path) -> Iterator[Use]:
    source = path.read_text(encoding="utf-8")
    if CALL_ON_A_STORE.search(source):
        yield from found_in(ast.parse(source), f"mlflow/{path.relative_to(SOURCES).as_posix()}")


def found_in(tree: ast.AST, file: str) -> Iterator[Use]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_store(node.value) and not node.attr.startswith("__"):
            yield Use(node.attr, f"{file}, line {node.lineno},")


def is_store(node: ast.expr) -> bool:
    """Return whether an expression is named like a store: `store`, `self._tracking_store`, `_get_store()`."""
    if isinstance(node, ast.Call):
        node = node.func
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return "store" in name and not name[0].isupper()
