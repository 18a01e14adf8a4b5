"""Prepares the run of a script: its working folder, its interpreter and its environment variables."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bridge.address import uri_of_workspace
from bridge.capture.capture import LOGS, OUTPUTS, Capture
from bridge.environments.build_failure import BUILD_LOG
from bridge.environments.docker import container_command, container_interpreter, image_of
from bridge.environments.import_folder import import_folder, import_paths
from bridge.environments.interpreter import interpreter_for
from bridge.environments.packages import OLDEST
from bridge.errors import BridgeError, SubmitFailed
from bridge.launch.token_file import TokenFile
from bridge.records.run import RunRecord
from bridge.records.script import ScriptDefinition
from bridge.source.empty import SNAPSHOT_PROPERTY
from bridge.source.snapshot import restore_snapshot
from bridge.store.journal_place import journal_folder
from bridge.store.run_place import RunPlace
from bridge.store.workspace_stores import WorkspaceStores

logger = logging.getLogger("bridge")

STD_LOG = "user_logs/std_log.txt"
"""The artifact path of the output of a script.

Source: Azure ML, `user_logs` of its common runtime.
"""
NO_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
CHECK_SECONDS = 60.0
CHECK = "import sys; sys.stdout.write('python %d.%d' % sys.version_info[:2])"


def working_folder(run_id: str) -> Path:
    """Return the working folder of the script of a run. Only this user may write to its parent folder."""
    return Path(tempfile.gettempdir()) / f"runbridge_runs_{os.getuid()}" / run_id


@dataclass(frozen=True)
class Prepared:
    """A script that can be started.

    Attributes:
        name: the script's name in messages.
        command: the program and its arguments.
        shell: whether a shell runs the command.
        folder: the working folder.
        variables: all environment variables.
        most_seconds: the time limit; None for no limit.
        collects_outputs: whether the files in `./outputs` are stored.
        watches_logs: whether the files in `./logs` are stored while they grow.
        kill_command: a command that ends what `command` started outside its own processes, such as a container.
    """

    name: str
    command: list[str]
    shell: bool
    folder: Path
    variables: Mapping[str, str]
    most_seconds: float | None
    collects_outputs: bool
    watches_logs: bool
    kill_command: Sequence[str] | None = None

    def capture(self, opened: WorkspaceStores, record: RunRecord) -> Capture:
        """Return an object that stores the files that the script writes."""
        return Capture(
            RunPlace(opened, record.experiment_id, record.id),
            outputs=self.folder / OUTPUTS if self.collects_outputs else None,
            logs=self.folder / LOGS if self.watches_logs else None,
        )


@dataclass(frozen=True)
class Place:
    """A built environment.

    Attributes:
        interpreter: the Python interpreter.
        variables: all environment variables of the script.
        before: words to put before the command of the script, such as a `docker run` command.
        kill_command: a command that ends the container; None if the script does not run in a container.
    """

    interpreter: str
    variables: Mapping[str, str]
    before: Sequence[str] = ()
    kill_command: Sequence[str] | None = None


class NotPrepared(Exception):
    """A step of the preparation failed. The error has a code, and the reason as a sentence."""


class Preparation:
    """The preparation of the script of one run.

    Args:
        opened: the workspace.
        record: the run.
    """

    def __init__(self, opened: WorkspaceStores, record: RunRecord) -> None:
        self._opened, self._record = opened, record
        self._token: TokenFile | None = None
        self.done: Prepared | None = None
        self.failure: tuple[str, str] | None = None

    def run(self, finished: Callable[[], None]) -> None:
        """Prepare the script, then call `finished`. This method never raises."""
        try:
            self.done = self._prepare()
        except NotPrepared as error:
            self.failure = error.args[0], error.args[1]
        except Exception as error:
            self.failure = "LauncherFailed", f"The preparation failed with {type(error).__name__}: {error}"
            logger.error("The preparation failed.", exc_info=error)
        finally:
            finished()

    def clean_up(self) -> None:
        """Remove the file with the token of the script; idempotent."""
        if self._token is not None:
            self._token.remove()

    def _prepare(self) -> Prepared:
        definition = ScriptDefinition.from_text(self._record.definition)
        folder = _make_folder(Path(definition.working_directory))
        self._restore(folder, definition.script)
        _make_outputs(folder)
        place = self._place(folder, definition)
        line, script = definition.command, definition.script or ""
        own = ["/bin/sh", "-c", line] if line else [place.interpreter, script, *definition.arguments]
        return Prepared(
            name=script or line,
            command=[*place.before, *own],
            shell=bool(line),
            folder=folder,
            variables=place.variables,
            most_seconds=definition.max_run_duration_seconds,
            collects_outputs=definition.history.output_collection,
            watches_logs=LOGS in definition.history.directories_to_watch,
            kill_command=place.kill_command,
        )

    def _restore(self, folder: Path, script: str | None) -> None:
        snapshot_id = self._record.properties[SNAPSHOT_PROPERTY]
        try:
            restore_snapshot(self._opened.artifacts, snapshot_id, folder)
        except (BridgeError, OSError) as error:
            sentence = f"The snapshot {snapshot_id} could not be restored to {folder}: {error}"
            raise NotPrepared("SnapshotFailed", sentence) from error
        if script and not (folder / script).is_file():
            reason = "the snapshot does not contain it. An ignore file or a size limit may have excluded it"
            raise NotPrepared("ScriptMissing", f"The script {script} does not exist: {reason}")

    def _place(self, folder: Path, definition: ScriptDefinition) -> Place:
        """Return the environment of the script. Build the environment if necessary."""
        environment = definition.environment
        try:
            if definition.docker.use_docker or environment.docker.enabled:
                return self._container(folder, definition)
            interpreter = interpreter_for(environment.python, self._write)
            _check_python(interpreter)
            variables = self._variables(definition, [*_import_names(), *import_paths(interpreter)])
            return Place(interpreter, _with_programs_of(interpreter, variables))
        except (BridgeError, OSError) as error:
            raise NotPrepared("EnvironmentFailed", str(error)) from error

    def _container(self, folder: Path, definition: ScriptDefinition) -> Place:
        environment, docker = definition.environment, definition.docker
        image = image_of(environment, self._write)
        name = f"runbridge-{self._record.id}"
        imports = import_folder()
        links = [os.path.realpath(link) for link in imports.iterdir()]
        variables = self._variables(definition, [*_import_names(), str(imports)])
        before = container_command(
            name,
            image,
            folder,
            [*self._needed_files(variables), str(imports), *links],
            variables,
            arguments=[*environment.docker.arguments, *docker.arguments],
            shm_size=docker.shm_size or environment.docker.shm_size,
        )
        return Place(container_interpreter(environment.python), variables, before, ["docker", "kill", name])

    def _needed_files(self, variables: dict[str, str]) -> list[str]:
        """Return the files and folders with which a script in a container reaches the workspace."""
        if self._opened.folder is not None:
            return [str(self._opened.folder)]
        journals = journal_folder(self._opened.id)
        variables["BRIDGE_JOURNAL"] = str(journals.parent)
        token = None if self._token is None else self._token.path
        return [str(journals), *([str(token)] if token else [])]

    def _write(self, data: bytes) -> None:
        self._opened.artifacts.append(self._record.artifact_root, BUILD_LOG, data)

    def _variables(self, definition: ScriptDefinition, paths: list[str]) -> dict[str, str]:
        """Return the environment variables of the script; later ones override earlier ones.

        The order is: variables of this process, variables that identify the run, variables of the definition.
        """
        given = {**definition.environment.environment_variables, **definition.environment_variables}
        variables = {**os.environ, **handed_over(self._opened, self._record)}
        if self._opened.folder is None:
            self._token = TokenFile(self._opened.address, self._record.id)
            self._token.replace_in(variables)
        variables.update(given)
        variables["PYTHONPATH"] = os.pathsep.join(path for path in (*paths, variables.get("PYTHONPATH")) if path)
        return variables


def _make_folder(folder: Path) -> Path:
    try:
        with suppress(FileExistsError):
            folder.parent.mkdir(mode=0o700, parents=True)
        _check_own(folder.parent)
        folder.mkdir(mode=0o700)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotPrepared("WorkingFolderFailed", f"The working folder {folder} cannot be created: {reason}") from error
    return folder


def handed_over(opened: WorkspaceStores, record: RunRecord) -> dict[str, str]:
    """Return the environment variables that identify the run of a script."""
    experiment = opened.tracking.get_experiment(record.experiment_id)
    uri = uri_of_workspace(opened.address)
    return {
        "BRIDGE_WORKSPACE": opened.address,
        "BRIDGE_RUN_ID": record.id,
        "AZUREML_RUN_ID": record.id,
        "AZUREML_ARM_SUBSCRIPTION": NO_SUBSCRIPTION,
        "AZUREML_ARM_RESOURCEGROUP": "runbridge",
        "AZUREML_ARM_WORKSPACE_NAME": opened.name,
        "AZUREML_ARM_PROJECT_NAME": experiment.name,
        "AZUREML_RUN_TOKEN": "not-a-secret",
        "AZUREML_SERVICE_ENDPOINT": uri,
        "AZUREML_EXPERIMENT_ID": experiment.id,
        "AZUREML_WORKSPACE_ID": opened.id,
        "AZUREML_OUTPUT_DIRECTORY": f"./{OUTPUTS}",
        "MLFLOW_TRACKING_URI": uri,
        "MLFLOW_RUN_ID": record.id,
        "MLFLOW_EXPERIMENT_ID": experiment.id,
        "MLFLOW_EXPERIMENT_NAME": experiment.name,
        "PYTHONUNBUFFERED": "1",
    }


def _with_programs_of(interpreter: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with `PATH` and `VIRTUAL_ENV` as if the environment of the interpreter were activated."""
    found = dict(variables)
    folder = os.path.dirname(interpreter)
    path = found.get("PATH", os.defpath)
    python = shutil.which("python", path=path)
    if python is None or os.path.dirname(python) != folder:
        found["PATH"] = os.pathsep.join(part for part in (folder, path) if part)
    top = os.path.dirname(folder)
    found.pop("VIRTUAL_ENV", None)
    if os.path.exists(os.path.join(top, "pyvenv.cfg")):
        found["VIRTUAL_ENV"] = top
    return found


def _check_python(interpreter: str) -> None:
    """Check that a program is a Python interpreter. Any other program may exit with 0 and not run the script."""
    if interpreter == sys.executable:
        return
    try:
        done = subprocess.run(
            [interpreter, "-c", CHECK], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=CHECK_SECONDS
        )
    except OSError as error:
        raise SubmitFailed(interpreter, None, (error.strerror or str(error)).lower()) from error
    except subprocess.TimeoutExpired as error:
        raise SubmitFailed(interpreter, None, f"the interpreter did not answer within {CHECK_SECONDS:g} s") from error
    found = re.match(rb"python (\d+)\.(\d+)", done.stdout)
    if found is None:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        reason = f"the program is not a Python interpreter{': ' + said[-1].rstrip('.') if said else ''}"
        raise SubmitFailed(interpreter, done.returncode, reason)
    major, minor = map(int, found.groups())
    if (major, minor) < OLDEST:
        reason = f"the interpreter is Python {major}.{minor}, but Runbridge needs 3.10 or newer"
        raise SubmitFailed(interpreter, None, reason)


def _check_own(folder: Path) -> None:
    """Refuse a folder in which another user could replace a script that is about to run.

    Raises:
        OSError: other users may write to the folder, or it is not a folder.
    """
    facts = folder.lstat()
    if not stat.S_ISDIR(facts.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
    if facts.st_uid != os.getuid() or facts.st_mode & 0o022:
        raise PermissionError(errno.EPERM, f"other users may write to {folder}")


def _make_outputs(folder: Path) -> None:
    try:
        (folder / OUTPUTS).mkdir(exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotPrepared(
            "WorkingFolderFailed", f"The folder {folder / OUTPUTS} cannot be created: {reason}"
        ) from error


def _import_names() -> list[str]:
    """Return a list with the folder of the plugin `bridge_azureml` that contains `azureml.core`.

    The list is empty if the plugin is not installed. The plugin is not imported.
    """
    found = find_spec("bridge_azureml")
    folders = [] if found is None else list(found.submodule_search_locations or ())
    return [path for folder in folders if os.path.isdir(path := os.path.join(folder, "import_names"))]
