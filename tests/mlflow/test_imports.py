"""MLflow loads the plugin while its own package is half imported, so every module can be imported first."""

from __future__ import annotations

import importlib
import subprocess
import sys
import textwrap
from importlib.metadata import distribution
from pathlib import Path

import pytest

import bridge_mlflow

FOLDER = Path(bridge_mlflow.__file__).parent
FILES = [path.relative_to(FOLDER).with_suffix("") for path in FOLDER.rglob("*.py") if path.stem != "__init__"]
MODULES = sorted(".".join(file.parts) for file in FILES)


@pytest.mark.slow
def test_every_module_can_be_imported_first() -> None:
    """Each is imported in a fork of a process that has imported what MLflow needs, but not MLflow.

    To import MLflow takes a second. While it is imported, it loads some of our modules. If none of them is half
    imported when a module first imports MLflow, MLflow is imported as in a process without us, and the fork ends. The
    rest of the module's import is that with a complete MLflow, which a second fork does.
    """
    modules = [f"bridge_mlflow.{module}" for module in MODULES]
    _python(
        f"""
        import os, sys
        from importlib.abc import MetaPathFinder
        import mlflow
        mlflow.MlflowClient
        loaded = [name for name in sys.modules if name.split(".")[0] == "bridge_mlflow"]
        assert "bridge_mlflow.run_context" in loaded
        import {", ".join(modules)}

        class EndBeforeMlflow(MetaPathFinder):
            def find_spec(self, name, path, target=None):
                if name == "mlflow":
                    half = [one for one in loaded if one in sys.modules and sys.modules[one].__spec__._initializing]
                    if not half:
                        os._exit(0)

        def import_first(name):
            sys.meta_path.insert(0, EndBeforeMlflow())
            __import__(name)
            import mlflow
            mlflow.MlflowClient

        def forget(*packages):
            for name in [*sys.modules]:
                if name.split(".")[0] in packages:
                    del sys.modules[name]

        failed = []
        for packages, load in [(["bridge_mlflow"], __import__), (["bridge", "bridge_mlflow", "mlflow"], import_first)]:
            forget(*packages)
            for name in {modules}:
                if os.fork() == 0:
                    load(name)
                    os._exit(0)
                if os.wait()[1]:
                    failed.append((load, name))
        assert not failed, failed
        """
    )


@pytest.mark.parametrize(
    "module",
    [
        "bridge_mlflow",
        "bridge_mlflow.default_experiment",
        "bridge_mlflow.request_headers",
        "bridge_mlflow.run_context",
    ],
)
def test_modules_that_mlflow_loads_during_its_import_do_not_import_mlflow(module: str) -> None:
    _python(f"import sys, {module}; assert not any(name.split('.')[0] == 'mlflow' for name in sys.modules)")


@pytest.mark.slow
def test_importing_mlflow_registers_every_entry_point_without_a_warning() -> None:
    _python(
        """
        import mlflow
        from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry as artifacts
        from mlflow.tracking._tracking_service.utils import _tracking_store_registry as tracking
        from mlflow.tracking._model_registry.utils import _get_store_registry
        from mlflow.tracking.context.registry import _run_context_provider_registry as contexts
        from mlflow.tracking.default_experiment.registry import _default_experiment_provider_registry as defaults
        from mlflow.tracking.request_header.registry import _request_header_provider_registry as headers
        import bridge_mlflow
        from bridge_mlflow.default_experiment import BridgeDefaultExperiment
        from bridge_mlflow.run_context import BridgeRunContext
        from bridge_mlflow.request_headers import BridgeRequestHeaders
        assert tracking._registry["bridge"] is bridge_mlflow.open_tracking_store
        assert artifacts._registry["bridge"] is bridge_mlflow.open_artifact_repository
        assert "bridge" in _get_store_registry()._registry
        assert any(isinstance(one, BridgeRunContext) for one in contexts)
        assert any(isinstance(one, BridgeDefaultExperiment) for one in defaults)
        assert any(isinstance(one, BridgeRequestHeaders) for one in headers)
        """
    )


def test_no_module_has_the_name_of_a_function_that_mlflow_calls() -> None:
    for module in MODULES:
        importlib.import_module(f"bridge_mlflow.{module}")
    assert [one for one in MODULES if "." not in one and callable(getattr(bridge_mlflow, one))] == []
    points = [one for one in distribution("runbridge").entry_points if one.value.startswith("bridge_mlflow:")]
    assert len(points) >= 5 and [one.value for one in points if not callable(one.load())] == []


def _python(code: str) -> None:
    command = [sys.executable, "-W", "error::UserWarning", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
