"""A name of the Azure ML SDK that Runbridge does not have raises an error that says what to use instead."""

from __future__ import annotations

import importlib
import json
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from forked import Child, Say

from bridge import Experiment, NotAllowed, NotFound, Workspace
from bridge.handles.absent import ATTRIBUTES
from bridge_azureml.absent import INSTEAD, sentence_of
from bridge_mlflow.models import Model

PAGE = "docs/azureml.md#not-available"

# The absent names that most public scripts import, and one name of each package of the SDK.
IMPORTS = """
import azureml.train
import azureml.train.hyperdrive
from azureml import train
from azureml.train.hyperdrive import HyperDriveConfig, choice, RandomParameterSampling, BanditPolicy
from azureml.train.estimator import Estimator
from azureml.train.dnn import PyTorch, TensorFlow
from azureml.train.sklearn import SKLearn
from azureml.train.automl import AutoMLConfig
from azureml.train.automl.run import AutoMLRun
import azureml.automl.core
from azureml.automl.core.featurization import FeaturizationConfig
from azureml.pipeline.core import Pipeline, PipelineData
from azureml.pipeline.steps import PythonScriptStep, ParallelRunStep
from azureml.data.dataset_factory import TabularDatasetFactory
from azureml.data import OutputFileDatasetConfig
from azureml.data.data_reference import DataReference
import azureml.dataprep as dprep
from azureml.interpret import ExplanationClient
from azureml.explain.model.tabular_explainer import TabularExplainer
from azureml.opendatasets import NycTlcGreen
from azureml.contrib.fairness import upload_dashboard_dictionary
from azureml.contrib.services.aml_request import rawhttp
from azureml.datadrift import DataDriftDetector
from azureml.studio.core import data_frame_schema
from azureml.accel import AccelOnnxConverter
from azureml.core import Webservice
from azureml.core import Workspace, Image
from azureml.core.webservice import AciWebservice, Webservice
from azureml.core.webservice.webservice import Webservice
import azureml.core.webservice
from azureml.core.image import ContainerImage
from azureml.core.model import InferenceConfig
from azureml.core.compute import AksCompute
from azureml.core.compute import DatabricksCompute, SynapseCompute
from azureml.core.resource_configuration import ResourceConfiguration
from azureml.core.runconfig import HdiConfiguration
from azureml.core.databricks import PyPiLibrary
from azureml.core.linked_service import LinkedService
from azureml.core.run import _SubmittedRun
from azureml.core.util import NewLoggingLevel
from azureml._base_sdk_common import user_agent
from azureml._restclient.models import RunDto
from azureml.widgets import Nonsense
from azureml.exceptions import NonsenseException
from azureml.nonsense import anything
import mlflow.azureml.deploy
from mlflow.azureml import build_image
""".strip().splitlines()
ATTRIBUTES_OF_MODULES = """
import azureml; azureml.train
import azureml.core; azureml.core.Webservice
import azureml.core.compute; azureml.core.compute.AksCompute
import azureml.core.model; azureml.core.model.InferenceConfig
import azureml.core.run; azureml.core.run.RunStatus
import azureml.telemetry; azureml.telemetry.get_telemetry_log_handler
import azureml.mlflow; azureml.mlflow.something
import mlflow.azureml; mlflow.azureml.deploy
""".strip().splitlines()
MLFLOW_AZUREML = "the docstring of mlflow.azureml"


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[str, str]]:
    """Return the error of each statement, all run in one process: its class and its text."""
    import mlflow  # noqa: F401  # the child does not have to

    def run(say: Say) -> None:
        warnings.simplefilter("error")
        for statement in IMPORTS + ATTRIBUTES_OF_MODULES:
            kind, text = "nothing", ""
            try:
                exec(statement, {})
            except Exception as error:
                kind = "ImportError" if isinstance(error, ImportError) else type(error).__name__
                text = str(error)
            say(json.dumps([statement, kind, text]))
        say(json.dumps([MLFLOW_AZUREML, "", importlib.import_module("mlflow.azureml").__doc__]))

    child = Child(run)
    try:
        found = [json.loads(line) for line in child.rest()]
        assert child.wait() == 0
    finally:
        child.close()
    return {statement: (kind, text) for statement, kind, text in found}


def absent_name(statement: str) -> str:
    """Return the shortest name that the error of an import statement must contain: the package and its first part."""
    found = re.match(r"(?:from|import) ((?:azureml|mlflow)[.\w]*)", statement)
    assert found is not None
    return ".".join(found[1].split(".")[:2])


@pytest.mark.parametrize("statement", IMPORTS)
def test_an_absent_import_is_an_import_error_of_one_sentence(said: dict[str, tuple[str, str]], statement: str) -> None:
    kind, sentence = said[statement]
    assert kind == "ImportError"
    assert sentence.count(". ") == 0 and sentence.endswith(f"{PAGE}.")
    assert absent_name(statement) in sentence


@pytest.mark.parametrize("statement", ATTRIBUTES_OF_MODULES)
def test_an_absent_name_of_a_module_is_an_attribute_error(said: dict[str, tuple[str, str]], statement: str) -> None:
    kind, sentence = said[statement]
    assert kind == "AttributeError"
    assert statement.partition("; ")[2] in sentence and sentence.endswith(f"{PAGE}.")


def test_the_documentation_of_mlflow_azureml_is_one_sentence(said: dict[str, tuple[str, str]]) -> None:
    assert said[MLFLOW_AZUREML][1] == (
        "MLflow 2 removed `mlflow.azureml`: serve a model with mlflow models serve; see " + PAGE + "."
    )


def test_hasattr_and_defaults_of_absent_names_raise_no_error(script: Callable[[str], list[str]]) -> None:
    text = """
        import importlib.util
        import azureml.core, azureml.core.model, azureml.core.run
        from azureml.core import *

        print(hasattr(azureml.core, "Webservice"), hasattr(azureml.core.model, "InferenceConfig"))
        print(hasattr(azureml.core, "Workspace"), hasattr(azureml.core.run, "Run"))
        for name in ("azureml.core.run", "nonsense"):
            print(importlib.util.find_spec(name) is not None)
        try:
            from azureml.automl.core import anything
        except ImportError as error:
            print(error.name)
    """
    assert script(text) == ["False False", "True True", "True", "False", "None"]


def test_the_longest_known_name_chooses_the_substitute() -> None:
    assert sentence_of("azureml.core.compute.AksCompute").startswith("Runbridge has no azureml.core.compute.AksCompute")
    assert INSTEAD["azureml.core.compute.AksCompute"] in sentence_of("azureml.core.compute.AksCompute")
    assert INSTEAD["azureml.core.compute"] in sentence_of("azureml.core.compute.BatchCompute")
    assert sentence_of("azureml.unknown.name") == f"Runbridge has no azureml.unknown.name: see {PAGE}."


def test_the_guide_lists_every_absent_name_with_a_substitute() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "azureml.md").read_text(encoding="utf-8")
    assert "\n## Not available\n" in guide, "the heading that the sentences name"
    table = guide.partition("\n## Not available\n")[2].partition("\n## ")[0]
    listed = set(re.findall(r"`([\w.]+)`", table))
    assert sorted(name for name in INSTEAD if name not in listed) == []
    attributes = {f"{kind}.{name}" for kind, names in ATTRIBUTES.items() for name in names}
    assert sorted(attributes - listed) == []


# Attributes of classes


def test_the_error_of_an_absent_attribute_names_a_substitute(tmp_path: Path) -> None:
    ws = Workspace.create("absent", path=tmp_path / "ws")
    with Experiment(ws, "absent").start_logging(snapshot_directory=None, outputs=False) as run:
        for kind, owner in {"Run": run, "Workspace": ws, "Model": Model}.items():
            for name in ATTRIBUTES[kind]:
                assert not hasattr(owner, name)
                with pytest.raises(AttributeError, match=rf"^Runbridge has no {kind}.{name}: .*\({PAGE}\)\.$"):
                    getattr(owner, name)
            with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
                owner.nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_methods_that_a_folder_cannot_support_are_refused(tmp_path: Path) -> None:
    ws = Workspace.create("absent", path=tmp_path / "ws")
    for refused, sentence in (
        (lambda: ws.set_default_datastore("blobs"), "Runbridge has no datastores"),
        (lambda: ws.update(friendly_name="x"), "its details can be set only when Workspace.create creates it"),
        (ws.delete, "remove its folder"),
    ):
        with pytest.raises(NotAllowed, match=sentence):
            refused()
    for empty in (ws.datastores, ws.webservices):
        assert empty == {}
        with pytest.raises(NotFound, match=PAGE):
            empty["any"]
