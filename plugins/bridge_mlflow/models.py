"""Registered models in MLflow's registry, for `run.register_model`, `ws.models` and `azureml.core.Model`.

This module imports MLflow only inside functions, because scripts import `Model` where MLflow is not installed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge.address import uri_of_workspace
from bridge.errors import AlreadyExists, InvalidValue, NotAllowed, NotFound
from bridge.handles.run import Run
from bridge.handles.run_of_process import workspace_of_process
from bridge.handles.workspace import Workspace
from bridge.journal.whole_file import rename_unless_made, written_whole
from bridge.records.artifact import check_artifact_path
from bridge.records.labels import tag_values
from bridge.records.run import RunRecord, new_run_id
from bridge.runs.files import files_below
from bridge.server_address import is_server_address
from bridge_mlflow.addresses import COMPANION_FILE, FOLDER_OF_ARTIFACTS, split_artifact_uri, split_root
from bridge_mlflow.model_facts import FACTS_TAG, ModelFacts, model_facts
from bridge_mlflow.model_names import Framework, ModelNames
from bridge_mlflow.model_paths import FOLDER, VARIABLE, model_path, version_folder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9\-._]{0,254}")


class Model(metaclass=ModelNames):
    """One version of a registered model. The constructor opens an existing version.

    The files of a version are files of a run, or were uploaded. Any file can be a model, for example a pickle.

    Args:
        workspace: the workspace of the model.
        name: the name of the model.
        id: `name:version`; it replaces the name and the version.
        tags: keys, or [key, value] pairs, that the tags of the version must contain.
        properties: keys, or [key, value] pairs, that the properties of the version must contain.
        version: the number of the version; None is the newest one.
        run_id: the run to which the version must belong.
        model_framework: the framework that the version must have.
        **azure: further arguments of the SDK, which are ignored.

    Raises:
        NotFound: no version matches, or MLflow is not installed.

    Source: Azure ML SDK v1, `azureml.core.Model`.
    """

    Framework = Framework

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: object = None,
        properties: object = None,
        version: int | str | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        **azure: object,
    ) -> None:
        if id is not None:
            name, _, wanted = id.partition(":")
            version = wanted or version
        if name is None:
            raise InvalidValue("name", name, "pass the name or the id of a model")
        found = Model.list(workspace, name, tags, properties, run_id, model_framework=model_framework)
        versions = [model for model in found if version is None or model.version == _number(version)]
        if not versions:
            raise NotFound("model", name if version is None else f"{name}:{version}", _names(workspace))
        self._set(workspace, versions[0].stored)

    def _set(self, workspace: Workspace, stored: ModelVersion) -> None:
        facts = json.loads(stored.tags.get(FACTS_TAG, "{}"))
        self.workspace = workspace
        self.stored = stored
        self.name: str = stored.name
        self.version = int(stored.version)
        self.id = f"{self.name}:{self.version}"
        self.url = f"models:/{self.name}/{self.version}"
        self.tags = {key: value for key, value in stored.tags.items() if key != FACTS_TAG}
        self.properties: dict[str, str] = facts.get("properties", {})
        self.description: str | None = stored.description or None
        self.run_id: str | None = stored.run_id or None
        self.experiment_name: str | None = facts.get("experiment_name")
        self.model_framework: str | None = facts.get("model_framework")
        self.model_framework_version: str | None = facts.get("model_framework_version")
        self.created_time = datetime.fromtimestamp(stored.creation_timestamp / 1000, timezone.utc)

    @classmethod
    def _of(cls, workspace: Workspace, stored: ModelVersion) -> Model:
        model = cls.__new__(cls)
        cls._set(model, workspace, stored)
        return model

    @classmethod
    def register_files(cls, run: Run, name: str, model_path: str | None = None, **facts: Any) -> Model:
        """Register files of a run, or a model that was logged for the run with MLflow. See `Run.register_model`.

        Raises:
            InvalidValue: the name, a tag, a property or a text is not valid.
            NotFound: the run has no such file, folder or model.
        """
        _check_name(name)
        stored = model_facts(**facts)
        path = check_artifact_path(model_path or name)
        opened, root = run.experiment.workspace.stores, RunRecord(run.id, run.experiment.id).artifact_root
        place = f"{root}/{path}" if opened.artifacts.stat(root, path) is not None else _place_of_logged(run, path)
        if place is None:
            there = ", ".join(run.get_file_names()[:20])
            raise NotFound("file", path, f"run {run.id} has {f'the files {there}' if there else 'no files'}")
        stored.others["experiment_name"] = run.experiment.name
        return cls._add(run.experiment.workspace, name, place, run.id, stored)

    @classmethod
    def register(
        cls,
        workspace: Workspace,
        model_path: str | os.PathLike[str],
        model_name: str,
        tags: str | Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
        description: str | None = None,
        datasets: object = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        **azure: object,
    ) -> Model:
        """Upload a file or a folder, and register it as the next version of a model.

        Links are followed. If one file cannot be uploaded, nothing is stored.

        Raises:
            InvalidValue: the name, a tag, a property or a text is not valid, or the folder has no files.
            NotFound: the file or folder does not exist, a link is broken, or MLflow is not installed.
            NotAllowed: the workspace is on a server. MLflow's server registers only files of runs and logged models.
        """
        _check_name(model_name)
        if is_server_address(workspace.stores.address):
            reason = "it is on a server: upload the file with run.upload_file, and call run.register_model"
            raise NotAllowed("register a local file in", workspace.stores.address, reason)
        facts = model_facts(tags, properties, description, model_framework, model_framework_version)
        _client(workspace)  # if MLflow is not installed, fail before the upload
        source = Path(os.path.abspath(model_path))  # the path `.` has no name, but its absolute path has one
        if not source.exists():
            raise NotFound("file", str(model_path))
        files = files_below(source) if source.is_dir() else [source]
        if not files:
            raise InvalidValue("model_path", str(model_path), "must be a folder that has files, or a file")
        artifacts, root = workspace.stores.artifacts, f"models/{new_run_id()}/{FOLDER_OF_ARTIFACTS}"
        try:
            for file in files:
                artifacts.put(root, file.relative_to(source.parent).as_posix(), file)
        except BaseException:
            artifacts.delete(root)
            raise
        return cls._add(workspace, model_name, f"{root}/{source.name}", None, facts)

    @classmethod
    def _add(cls, workspace: Workspace, name: str, place: str, run_id: str | None, facts: ModelFacts) -> Model:
        client = _client(workspace)
        from mlflow.exceptions import MlflowException

        others = {key: value for key, value in facts.others.items() if value}
        labels = {**facts.tags, FACTS_TAG: json.dumps({"place": place, **others})}
        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{uri_of_workspace(workspace.stores.address)}/{FOLDER_OF_ARTIFACTS}/{place}"
        version = client.create_model_version(
            name, source, run_id, labels, description=facts.description, await_creation_for=0
        )
        return cls._of(workspace, version)

    @classmethod
    def list(
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: object = None,
        properties: object = None,
        run_id: str | None = None,
        latest: bool = False,
        model_framework: str | None = None,
        **azure: object,
    ) -> list[Model]:
        """Return the versions of registered models, newest first.

        Args:
            workspace: the workspace of the models.
            name: only versions of this model.
            tags: keys, or [key, value] pairs, that the tags of a version must contain.
            properties: keys, or [key, value] pairs, that the properties of a version must contain.
            run_id: only versions of this run.
            latest: only the newest version of each model.
            model_framework: only versions of this framework.
            **azure: further arguments of the SDK, which are ignored.
        """
        found = [cls._of(workspace, stored) for stored in _versions(workspace, name)]
        if latest:
            newest: dict[str, Model] = {}
            for model in found:
                newest.setdefault(model.name, model)
            found = [*newest.values()]
        return [
            model
            for model in found
            if run_id in (None, model.run_id)
            and model_framework in (None, model.model_framework)
            and _fits(model.tags, tags)
            and _fits(model.properties, properties)
        ]

    @classmethod
    def newest(cls, workspace: Workspace) -> dict[str, Model]:
        """Return the newest version of each model by name, sorted by name."""
        return {model.name: model for model in sorted(cls.list(workspace, latest=True), key=lambda one: one.name)}

    @classmethod
    def get_model_path(
        cls, model_name: str, version: int | str | None = None, _workspace: Workspace | None = None
    ) -> str:
        """Return the path of a model's file or folder on this computer.

        Models of the workspace are written to `./azureml-models/<name>/<version>`.
        In a submitted script, the workspace is that of the run, otherwise the one that `Workspace.from_config` finds.

        Args:
            model_name: the name of the model.
            version: the number of the version; None is the newest.
            _workspace: another workspace.

        Raises:
            NotFound: neither the folders nor the workspace have the model.

        Source: Azure ML SDK v1, `Model.get_model_path`.
        """
        number = None if version is None else _number(version)

        def download(folder: Path) -> str | None:
            workspace = _workspace or workspace_of_process()
            if workspace is None:
                return None
            try:
                model = cls(workspace, _check_name(model_name), version=number)
            except NotFound:
                return None
            place = version_folder(folder, model.name, model.version)
            if place.exists():
                return model.download(place, exist_ok=True)
            with written_whole(place, rename_unless_made) as part:  # a failed download leaves no files
                name = os.path.basename(model.download(part))
            return str(place / name)

        path = model_path(model_name, number, download)
        if path is None:
            hint = f"neither {VARIABLE}, nor the workspace, nor ./{FOLDER} has it"
            raise NotFound("model", model_name if number is None else f"{model_name}:{number}", hint)
        return path

    def download(
        self, target_dir: str | os.PathLike[str] = ".", exist_ok: bool = False, exists_ok: object = None
    ) -> str:
        """Download the model's file or folder into `target_dir`, and return its new path.

        Raises:
            AlreadyExists: a file or folder of this name exists, and `exist_ok` is not set.
            NotFound: the files of the model were deleted.
        """
        root, path = split_root(self._place())
        artifacts = self.workspace.stores.artifacts
        target = Path(target_dir) / (Path(path).name or self.name)  # `path` is "" if MLflow's API logged the model
        if target.exists() and not (exist_ok or exists_ok):
            raise AlreadyExists("file", str(target), "pass exist_ok=True to replace it")
        record = artifacts.stat(root, path) if path else None
        below = [record] if record and not record.is_folder else artifacts.list(root, path, recursive=True)
        if not below:
            raise NotFound("file", path or self.name, f"the files of model {self.id} were deleted")
        for file in below:
            artifacts.download(root, file.path, target / file.path[len(path) :].lstrip("/"))
        return str(target)

    def _place(self) -> str:
        """Return the path of the files below the workspace's artifacts folder."""
        if place := json.loads(self.stored.tags.get(FACTS_TAG, "{}")).get("place"):
            return str(place)
        uri = _client(self.workspace).get_model_version_download_uri(self.name, str(self.version))
        return split_artifact_uri(uri)[1]

    def update(self, tags: str | Mapping[str, object] | None = None, description: str | None = None) -> None:
        """Set tags and the description; other tags are unchanged."""
        client = _client(self.workspace)
        for key, value in tag_values(tags or {}).items():
            client.set_model_version_tag(self.name, str(self.version), key, value or "")
        if description is not None:
            client.update_model_version(self.name, str(self.version), description)
        self._set(self.workspace, client.get_model_version(self.name, str(self.version)))

    def add_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags; other tags are unchanged."""
        self.update(tags)

    def delete(self) -> None:
        """Remove this version from the registry. Its files are not deleted."""
        _client(self.workspace).delete_model_version(self.name, str(self.version))

    def __repr__(self) -> str:
        return f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, version={self.version})"


def _client(workspace: Workspace) -> MlflowClient:
    """Return MLflow's client of the workspace.

    Raises:
        NotFound: MLflow is not installed.
    """
    try:
        from mlflow import MlflowClient
    except ModuleNotFoundError as error:
        raise NotFound("model registry", "mlflow", 'install MLflow with: pip install "runbridge[mlflow]"') from error
    uri = workspace.get_mlflow_tracking_uri()
    return MlflowClient(uri, uri)


def _place_of_logged(run: Run, name: str) -> str | None:
    """Return the path of the last model that was logged under a name for a run with MLflow; None if none exists."""
    workspace = run.experiment.workspace
    if not os.path.exists(os.path.join(workspace.stores.address, COMPANION_FILE)):
        return None
    models = _client(workspace).search_logged_models(
        [run.experiment.id],
        filter_string=f"source_run_id = '{run.id}'",
        order_by=[{"field_name": "creation_timestamp", "ascending": False}],
    )
    places = [split_artifact_uri(model.artifact_location)[1] for model in models if model.name == name]
    return places[0] if places else None


def _versions(workspace: Workspace, name: str | None) -> list[ModelVersion]:
    """Return all versions, or those of one model, newest first."""
    client = _client(workspace)
    wanted = "" if name is None else f"name = '{_check_name(name)}'"
    found: list[ModelVersion] = []
    token = None
    while True:
        page = client.search_model_versions(wanted, page_token=token)
        found += page
        token = page.token
        if not token:
            return sorted(found, key=lambda one: (one.creation_timestamp, int(one.version)), reverse=True)


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        rule = "must begin with a letter or digit and have at most 255 letters, digits, dashes, underscores and dots"
        raise InvalidValue("model name", name, rule)
    return name


def _number(version: int | str) -> int:
    try:
        return int(version)
    except ValueError as error:
        raise InvalidValue("version", version, "must be a number") from error


def _names(workspace: Workspace) -> str:
    there = sorted({model.id for model in Model.list(workspace)})
    return f"the workspace has {', '.join(there[:20]) or 'none'}"


def _fits(labels: Mapping[str, str], wanted: Any) -> bool:
    """Return whether labels contain everything in `wanted`: keys, [key, value] pairs, or a dict of keys and values."""
    pairs = wanted.items() if isinstance(wanted, Mapping) else wanted or ()
    for one in [pairs] if isinstance(pairs, str) else pairs:
        key, *value = [one] if isinstance(one, str) else one
        if key not in labels or (value and labels[key] != str(value[0])):
            return False
    return True
