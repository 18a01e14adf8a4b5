"""The import names of the Azure ML SDK resolve to Runbridge, and to the real SDK where it is installed."""

from __future__ import annotations

import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azureml_project import Project

import bridge_azureml

EVERY_IMPORT = """
import azureml.core
import azureml.mlflow
from azureml.core import Workspace, Experiment, Run, ScriptRun, ScriptRunConfig, RunConfiguration, Environment, Model
from azureml.core import ComputeTarget, Datastore, Dataset, Keyvault, get_run, diagnostic_log
from azureml.core.run import Run, get_run
from azureml.core.workspace import Workspace
from azureml.core.experiment import Experiment, ViewType
from azureml.core.script_run import ScriptRun
from azureml.core.script_run_config import ScriptRunConfig
from azureml.core.runconfig import RunConfiguration, DockerConfiguration, DEFAULT_CPU_IMAGE
from azureml.core.environment import Environment
from azureml.core.conda_dependencies import CondaDependencies
from azureml.core.compute import ComputeTarget, AmlCompute
from azureml.core.compute_target import ComputeTargetException
from azureml.core.authentication import InteractiveLoginAuthentication, ServicePrincipalAuthentication
from azureml.core.authentication import AzureCliAuthentication, MsiAuthentication
from azureml.core.model import Model
from azureml.core.datastore import Datastore
from azureml.core.dataset import Dataset
from azureml.core.keyvault import Keyvault
from azureml.exceptions import AzureMLException, UserErrorException, RunEnvironmentException
from azureml.exceptions import ExperimentExecutionException, ActivityFailedException, ActivityCanceledException
from azureml.exceptions import SnapshotException, WorkspaceException, ProjectSystemException
from azureml.exceptions import RunConfigurationException, TrainingException, ComputeTargetException
from azureml.exceptions import WebserviceException, ModelNotFoundException, ModelPathNotFoundException
from azureml.exceptions import AuthenticationException
from azureml.widgets import RunDetails
from azureml.tensorboard import Tensorboard
from azureml.tensorboard.export import export_to_tensorboard
from azureml.telemetry import set_diagnostics_collection
"""
STATEMENTS = EVERY_IMPORT.strip().splitlines()


@pytest.fixture(scope="module")
def in_one_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the outcome of each import statement: "fine", or the error that it raised."""
    code = f"""
import bridge_azureml
for statement in {STATEMENTS!r}:
    try:
        exec(statement, {{}})
        print("fine")
    except Exception as error:
        print(repr(error))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(STATEMENTS, done.stdout.splitlines(), strict=True))


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_import_statement_works(in_one_process: dict[str, str], statement: str) -> None:
    assert in_one_process[statement] == "fine"


def test_the_import_names_are_classes_of_runbridge(script: Callable[[str], list[str]]) -> None:
    text = """
        import azureml.core
        import bridge
        from azureml.core import Experiment, Run, Workspace

        print(azureml.core.VERSION == azureml.core.__version__, azureml.core.VERSION.split(".")[0])
        print(Workspace is bridge.Workspace, Experiment is bridge.Experiment, Run is bridge.Run)
        print("Workspace" in dir(azureml.core), hasattr(azureml.core, "Nonsense"))
    """
    assert script(text) == ["True 1", "True True True", "True False"]


def test_importing_the_names_that_log_loads_no_numpy_and_no_mlflow(script: Callable[[str], list[str]]) -> None:
    text = """
        import sys
        from azureml.core import Experiment, Run, Workspace

        print(sorted({"numpy", "mlflow", "torch"} & set(sys.modules)))
    """
    assert script(text) == ["[]"]


def test_a_script_runs_as_python_runs_it(project: Project) -> None:
    text = """
        import os, sys
        import helper_of_the_script
        print(sys.argv, sys.path[0] == os.path.dirname(os.path.abspath(__file__)), __name__, sys.warnoptions)
        print(__file__, sys.modules["__main__"].__spec__, [name for name in globals() if "bridge" in name])
        raise KeyError("mine")
    """
    project.write("below/helper_of_the_script.py", "")
    project.write("below/script.py", text)
    plain = project.start("-W", "ignore", "below/script.py", "--alpha", "-m", "0.5")
    ours = project.start("-W", "ignore", "-m", "bridge_azureml", "below/script.py", "--alpha", "-m", "0.5")
    assert "below/script.py" in plain.stdout
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_modules_and_code_run_too(project: Project) -> None:
    project.write("mine.py", "import sys, azureml.core; print(sys.argv[1:])")
    assert project.start("-m", "bridge_azureml", "-m", "mine", "a", "b").stdout == "['a', 'b']\n"
    code = "import azureml.core, sys; print(sys.argv)"
    assert project.start("-m", "bridge_azureml", "-c", code, "a").stdout == "['-c', 'a']\n"


def test_the_command_explains_itself(project: Project) -> None:
    helped = project.start("-m", "bridge_azureml", "--help")
    assert helped.returncode == 0
    assert helped.stdout.startswith("usage: python -m bridge_azureml SCRIPT")
    nothing = project.start("-m", "bridge_azureml")
    assert (nothing.returncode, nothing.stdout) == (2, "")
    isolated = project.start("-E", "-m", "bridge_azureml", "script.py")
    assert isolated.returncode == 2
    assert "PYTHONPATH" in isolated.stderr


def test_processes_that_a_script_starts_have_the_names_too(script: Callable[[str], list[str]]) -> None:
    text = """
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "from azureml.core import Run; print(Run.__module__)"], check=True)
    """
    assert script(text) == ["bridge"]


def test_a_prepared_process_prepares_its_children(project: Project) -> None:
    code = """
import subprocess, sys
import bridge_azureml
bridge_azureml.install()
from azureml.core import Run
print(sys.path.count(bridge_azureml.import_folder()), sys.path[0] == bridge_azureml.import_folder())
subprocess.run([sys.executable, "-c", "from azureml.core import Run; print(Run.__module__)"], check=True)
"""
    done = project.start("-c", code)
    assert done.stdout.splitlines() == ["1 False", "bridge"], done.stderr


REAL = {
    "azureml/__init__.py": "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n",
    "azureml/core/__init__.py": "class Run:\n    real = True\n",
    "azureml/widgets/__init__.py": "class RunDetails:\n    real = True\n",
}
OTHER = {"azureml/__init__.py": REAL["azureml/__init__.py"], "azureml/elsewhere/__init__.py": "here = 1\n"}


@pytest.fixture(scope="module")
def pythons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Environments by name, each with other packages below `azureml`. They import Runbridge from this checkout."""
    found = {}
    for name, files in {
        "real": REAL,
        "other": OTHER,
        "namespace": {"azureml/elsewhere/__init__.py": "here = 1\n"},
    }.items():
        folder = tmp_path_factory.mktemp(name)
        venv.create(folder, with_pip=False)
        (site,) = (folder / "lib").glob("python*/site-packages")
        for path, text in files.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text, encoding="utf-8")
        plugins = Path(bridge_azureml.__file__).parents[1]
        (site / "runbridge.pth").write_text(f"{plugins}\n{plugins.parent}\n", encoding="utf-8")
        found[name] = folder / "bin" / "python"
    yield found


WHOSE = "from azureml.core import Run; print(hasattr(Run, 'real'))"


def printed(python: Path, code: str, *options: str, **variables: str) -> str:
    done = subprocess.run([python, *options, "-c", code], env={**variables, "PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_installed_real_sdk_is_not_replaced(pythons: dict[str, Path]) -> None:
    real, folder = pythons["real"], bridge_azureml.import_folder()
    assert printed(real, WHOSE) == "True"
    assert printed(real, WHOSE, PYTHONPATH=folder) == "True"
    assert printed(real, f"import bridge_azureml; {WHOSE}") == "True"
    assert (
        printed(real, "import bridge_azureml; from azureml.widgets import RunDetails; print(RunDetails.real)") == "True"
    )
    # If the environment of a script has a part of the SDK, Runbridge adds no names to it.
    assert (
        printed(real, "import importlib.util as u; print(u.find_spec('azureml.tensorboard'))", PYTHONPATH=folder)
        == "None"
    )


def test_a_script_can_ask_for_runbridges_names_beside_the_real_sdk(pythons: dict[str, Path]) -> None:
    real, folder = pythons["real"], bridge_azureml.import_folder()
    assert printed(real, WHOSE, PYTHONPATH=folder, BRIDGE_AZUREML="1") == "False"
    assert printed(real, f"import bridge_azureml; bridge_azureml.install(replace=True); {WHOSE}") == "False"
    late = "import azureml.core, bridge_azureml; bridge_azureml.install(replace=True)"
    assert printed(real, f"{late}; {WHOSE}; import azureml.core; print(azureml.core.VERSION > '1')") == "False\nTrue"
    assert printed(real, WHOSE, "-m", "bridge_azureml") == "False"
    assert printed(real, WHOSE, "-m", "bridge_azureml", BRIDGE_AZUREML="0") == "True"


@pytest.mark.parametrize("kind", ["other", "namespace"])
def test_other_packages_below_azureml_stay_importable(pythons: dict[str, Path], kind: str) -> None:
    both = f"import azureml.elsewhere; print(azureml.elsewhere.here); {WHOSE}"
    assert printed(pythons[kind], both, PYTHONPATH=bridge_azureml.import_folder()) == "1\nFalse"
    assert printed(pythons[kind], f"import bridge_azureml; {both}") == "1\nFalse"
    assert printed(pythons[kind], f"import azureml.elsewhere, bridge_azureml; {both}") == "1\nFalse"
