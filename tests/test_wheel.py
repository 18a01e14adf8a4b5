"""The installed wheel works like the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, PathDistribution, distribution
from pathlib import Path

import pytest
from longer import LONG
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bridge.server import bundle, vendor

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = "01_lightning_into_an_existing_run.py"

STORES = {
    "tracking_store": "open_tracking_store",
    "artifact_repository": "open_artifact_repository",
    "model_registry_store": "model_registry_store",
    "scorer_store": "scorer_store",
}
SCHEMES = ("bridge", "bridge+http", "bridge+https")
ENTRY_POINTS = {
    *((f"mlflow.{group}", scheme, f"bridge_mlflow:{name}") for group, name in STORES.items() for scheme in SCHEMES),
    ("mlflow.run_context_provider", "bridge", "bridge_mlflow.run_context:BridgeRunContext"),
    ("mlflow.request_header_provider", "bridge", "bridge_mlflow.request_headers:BridgeRequestHeaders"),
    ("mlflow.default_experiment_provider", "bridge", "bridge_mlflow.default_experiment:BridgeDefaultExperiment"),
    ("mlflow.project_backend", "bridge", "bridge_mlflow:bridge_backend"),
    ("mlflow.project_backend", "azureml", "bridge_mlflow:azureml_backend"),
    ("mlflow.app", "bridge", "bridge_mlflow.server.command:application"),
    ("runbridge.models", "mlflow", "bridge_mlflow.models:Model"),
    ("runbridge.notebook", "jupyter", "bridge_jupyter.show"),
    ("runbridge.server", "mlflow", "bridge_mlflow.server:routes"),
    ("console_scripts", "runbridge", "bridge.cli.command:main"),
}


def run(command: Iterable[str | Path], folder: Path, timeout: float = 240) -> str:
    """Run a command without the environment variables that point to the checkout, and return its output."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT], folder)
    (built,) = folder.glob("*.whl")
    return built


def install(wheel: Path, python: Path, *options: str) -> None:
    """Install a wheel with this environment's pip into another environment."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    # Most of what is installed is never imported, and compiling all of it takes longer than the tests.
    run([*pip, "install", "--quiet", "--no-compile", *options, str(wheel)], wheel.parent, timeout=1200)


def make_environment(folder: Path) -> Path:
    """Create an empty virtual environment, and return its python."""
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A python with the wheel and the packages of this environment, but without the checkout."""
    folder = tmp_path_factory.mktemp("elsewhere")
    python = make_environment(folder / "venv")
    install(wheel, python, "--no-deps", "--no-index")
    packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    # A folder in a .pth file is searched last, and its own .pth files, such as that of the checkout, are not read.
    Path(packages, "development.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    where = run([python, "-c", "import bridge, bridge_mlflow; print(bridge.__file__, bridge_mlflow.__file__)"], folder)
    assert all(path.startswith(packages) for path in where.split())
    return python


def test_the_wheel_has_only_the_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names} == {
        "bridge",
        "bridge_azureml",
        "bridge_jupyter",
        "bridge_mlflow",
        "runbridge-0.1.0.dist-info",
    }
    wanted = {"bridge/py.typed", "bridge_mlflow/py.typed", "runbridge-0.1.0.dist-info/licenses/LICENSE"}
    wanted |= {f"bridge/store/sql/migrations/{file.name}" for file in ROOT.glob("bridge/store/sql/migrations/*.sql")}
    for package in ("bridge", "plugins/bridge_azureml", "plugins/bridge_jupyter", "plugins/bridge_mlflow"):
        base = (ROOT / package).parent
        wanted |= {file.relative_to(base).as_posix() for file in (ROOT / package).rglob("*.py")}
    wanted |= {f"bridge/server/static/{name}" for name in ("app.js", "index.html", "tokens.css", "vendor.toml")}
    if vendor.is_fetched():
        fetched = {f"bridge/server/static/vendor/{file}" for package in vendor.packages() for file in package["files"]}
        assert {name for name in names if name.startswith("bridge/server/static/vendor/")} >= fetched
        if bundle.read() is not None:
            assert {"bridge/server/static/bundle/app.js", "bridge/server/static/bundle/bundle.json"} <= set(names)
            assert not [name for name in names if "node_modules" in name]
        licenses = [name for name in names if name.endswith(".LICENSE.txt")]
        assert len(licenses) == len(vendor.packages())
    assert wanted <= set(names)


@pytest.mark.skipif(not vendor.is_fetched(), reason="the page's JavaScript packages are missing")
def test_the_installed_page_needs_no_network_and_no_npm(python: Path, tmp_path: Path) -> None:
    code = """
import http.client
from bridge.server.portal_server import PortalServer
from bridge.store.create import create_store

server = PortalServer(create_store("./work", "work"), 0)
thread = server.run_in_thread()
connection = http.client.HTTPConnection("127.0.0.1", server.port)
sent = {"Authorization": f"Bearer {server.token}", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
connection.request("GET", "/portal/", headers=sent)
answer = connection.getresponse()
print(answer.status, b"modulepreload" in answer.read())
connection.close()
server.stop()
thread.join()
"""
    assert run(["env", "PATH=/nowhere", python, "-c", code], tmp_path) == "200 True\n"


def test_the_installed_entry_points_load(python: Path, tmp_path: Path) -> None:
    code = """
from importlib.metadata import distribution

for point in distribution("runbridge").entry_points:
    point.load()
    print(point.group, point.name, point.value)
"""
    printed = run([python, "-W", "error", "-c", code], tmp_path)
    assert {tuple(line.split()) for line in printed.splitlines()} == ENTRY_POINTS


def test_an_interpreter_without_packages_can_import_the_installed_wheel(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path / "home"))
    code = "from bridge.environments.import_folder import import_folder; print(import_folder())"
    folder = run([python, "-c", code], tmp_path).strip()
    code = f"""
import sys
sys.path.insert(0, {folder!r})
import bridge, bridge_azureml, bridge_mlflow
from importlib.metadata import distribution
print(bridge.__file__, len(distribution("runbridge").entry_points))
"""
    printed = run([make_environment(tmp_path / "bare"), "-c", code], tmp_path)
    assert printed.split() == [f"{folder}/bridge/__init__.py", str(len(ENTRY_POINTS))]
    assert Path(folder, "bridge").resolve().parent == Path(folder, "runbridge-0.1.0.dist-info").resolve().parent


def test_old_scripts_run_on_the_installed_wheel(python: Path, tmp_path: Path) -> None:
    script = """
from azureml.core import Experiment, Run, Workspace

run = Experiment(Workspace.create("old", path="./old"), "e").start_logging(snapshot_directory=None)
run.log("loss", 0.5)
run.complete()
print(Run.__module__, run.get_status())
"""
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    assert run([python, "-m", "bridge_azureml", "script.py"], tmp_path) == "bridge Completed\n"
    folder = run([python, "-c", "import bridge_azureml; print(bridge_azureml.import_folder())"], tmp_path).strip()
    assert str(ROOT) not in folder


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path)]
    run([*build, "--sdist", str(ROOT)], tmp_path)
    (source,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    run([*build, "--wheel", str(tmp_path / "runbridge-0.1.0")], tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def check_example(python: Path, folder: Path) -> None:
    """Run the first example with a python, and read its run through that python's MLflow."""
    shutil.copy(ROOT / "examples" / EXAMPLE, folder)
    printed = run([python, EXAMPLE, "--path", "./there", "--epochs", "1"], folder)
    uri = f"bridge://{(folder / 'there').resolve()}"
    assert f"mlflow ui --backend-store-uri {uri}" in printed
    assert "runbridge ui ./there --page runs/" in printed.splitlines()[-2], "the last line opens the page"
    code = f"""
from mlflow import MlflowClient

client = MlflowClient({uri!r})
(run,) = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
print(run.info.status, run.data.params["channels"], sorted(run.data.metrics))
"""
    read = run([python, "-c", code], folder)
    assert "FINISHED 16" in read
    assert "'test_accuracy'" in read
    assert "'verdict_accuracy'" in read


def required(wheel: Path, extra: str) -> Iterable[Distribution]:
    """Return the distributions that a wheel needs with an extra; they are installed in this environment."""
    own = PathDistribution(zipfile.Path(wheel, "runbridge-0.1.0.dist-info/")).requires or []
    found: dict[str, Distribution] = {}
    done: set[tuple[str, frozenset[str]]] = set()
    todo = [(own, {extra})]
    while todo:
        lines, extras = todo.pop()
        for needed in map(Requirement, lines):
            name, wanted = canonicalize_name(needed.name), frozenset(needed.extras)
            applies = needed.marker is None or any(needed.marker.evaluate({"extra": one}) for one in ("", *extras))
            if applies and (name, wanted) not in done:
                done.add((name, wanted))
                if name != "runbridge":
                    found[name] = distribution(name)
                todo.append((own if name == "runbridge" else found[name].requires or [], {*wanted}))
    return found.values()


def link(distributions: Iterable[Distribution], python: Path) -> None:
    """Link the folders and files of distributions into an environment, except those that it has, and commands."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    packages = Path(run([python, "-c", code], python.parent).strip())
    for one in distributions:
        for name in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__", *os.listdir(packages)}:
            os.symlink(str(one.locate_file(name)), packages / name)


@pytest.mark.timeout(1500)
def test_an_empty_environment_needs_only_the_wheel_and_its_extras(wheel: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "venv")
    install(wheel, python)
    code = """
from bridge import Experiment, Workspace

run = Experiment(Workspace.create("bare", path="./bare"), "native").start_logging()
run.log("loss", 0.5)
run.complete()
print(run.get_metrics(), run.get_status())
"""
    assert run([python, "-W", "error", "-c", code], tmp_path) == "{'loss': 0.5} Completed\n"
    if LONG:
        install(Path(f"{wheel}[lightning]"), python, "--constraint", str(ROOT / "constraints.txt"))
    else:  # pip takes most of a minute; it has installed the same into this environment
        link(required(wheel, "lightning"), python)
    check_example(python, tmp_path)
