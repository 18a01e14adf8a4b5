"""A run: one execution, and everything it logs."""

from __future__ import annotations

import builtins
import logging
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.address import check_folder, check_local_path
from bridge.errors import InvalidState, InvalidValue, NotFound
from bridge.handles.experiment import Experiment, check_experiment
from bridge.handles.html import html_table
from bridge.handles.run_children import RunChildren
from bridge.handles.run_details import RunDetails
from bridge.handles.run_ending import RunEnding
from bridge.handles.workspace import Workspace, check_workspace
from bridge.records.labels import check_keys, label_values, native_tags, run_tag_values
from bridge.records.run import OPEN_STATUSES, SCRIPT_RUN, RunChanges, Status
from bridge.records.series import check_key
from bridge.records.text import check_text_or_none
from bridge.records.times import now_ms
from bridge.store.one_run import get_run
from bridge.store.run_place import RunPlace

if TYPE_CHECKING:
    from bridge.capture.capture import Capture
    from bridge.capture.printed import Printed

logger = logging.getLogger("bridge")

LEFT_OPEN = "The run was open when its process ended, and was completed then: call run.complete()."


class Run(RunEnding, RunChildren, RunDetails):
    """One execution; opens a run that exists.

    `Experiment.start_logging` begins one, `Run.get_context` gives the one that this process belongs to.

    Args:
        experiment: the experiment that the run belongs to.
        run_id: its id.
        outputs: a folder whose files are kept when the run is ended through this object; True is `./outputs`.

    Raises:
        NotFound: the experiment has no such run.

    Example:
        >>> with Experiment(ws, "digits").start_logging() as run:
        ...     run.log("loss", 0.3)
    """

    def __init__(
        self, experiment: Experiment, run_id: str, outputs: bool | str | os.PathLike[str] | None = None
    ) -> None:
        check_experiment(experiment)
        check_folder("outputs", outputs)
        record = get_run(experiment.workspace.stores.tracking, run_id, latest=False)
        if record.experiment_id != experiment.id:
            raise NotFound("run", run_id, f"experiment {experiment.name!r} does not have it")
        if record.type == SCRIPT_RUN and self.__class__ is Run:
            from bridge.handles.script_run import ScriptRun

            self.__class__ = ScriptRun  # as `Run.get` gives it
        self._set(experiment, run_id)
        if outputs:
            self._track(outputs)

    def _set(self, experiment: Experiment, run_id: str) -> None:
        self.experiment = experiment
        self.id = run_id
        self.place = RunPlace(experiment.workspace.stores, experiment.id, run_id)
        self._log = experiment.workspace.stores.tracking.log
        self._described = {}
        self._parent = None
        self._owner = 0
        self._quietly = False
        self._capture: Capture | None = None
        self._printed: list[Printed | None] = []
        self._entered_by: list[int] = []

    @classmethod
    def _of(cls, experiment: Experiment, run_id: str, type: str | None = None) -> Run:
        if type == SCRIPT_RUN:
            from bridge.handles.script_run import ScriptRun

            run: Run = ScriptRun.__new__(ScriptRun)
        else:
            run = cls.__new__(cls)
        run._set(experiment, run_id)
        return run

    @staticmethod
    def get(workspace: Workspace, run_id: str) -> Run:
        """The run of that id, of whichever experiment.

        Raises:
            NotFound: the workspace has none.
        """
        check_workspace("workspace", workspace)
        tracking = workspace.stores.tracking
        record = get_run(tracking, run_id, latest=False)
        experiment = Experiment._of(workspace, tracking.get_experiment(record.experiment_id))
        return Run._of(experiment, run_id, record.type)

    @staticmethod
    def list(
        experiment: Experiment,
        type: str | None = None,
        tags: str | Mapping[str, object] | None = None,
        properties: str | Mapping[str, object] | None = None,
        status: str | None = None,
        include_children: bool = False,
        **ignored: object,
    ) -> Iterator[Run]:
        """The active runs of an experiment, newest start time first; as `Experiment.get_runs`, and by status."""
        from bridge.handles.run_search import find_runs
        from bridge.records.search import RunQuery

        check_experiment(experiment)
        query = RunQuery((experiment.id,))
        return find_runs(experiment, query, tags, properties, type, status, include_children)

    @staticmethod
    def get_context(allow_offline: bool = True, **ignored: object) -> Run:
        """The run that this process belongs to; the same object at every call.

        `BRIDGE_WORKSPACE` and `BRIDGE_RUN_ID` name it, else Azure ML's variables: then the workspace lies at
        `$BRIDGE_HOME/<AZUREML_ARM_WORKSPACE_NAME>`, and it and the run are made if absent.
        Outside of both it is a new run in the workspace `$BRIDGE_HOME/offline`, in an experiment that has the script's
        name; it ends with the process.
        Within a submitted script `complete`, `fail` and `cancel` flush, upload and record the error, and the status
        stays its launcher's.

        Args:
            allow_offline: outside of both there may be a new run.
            ignored: what old scripts pass besides.

        Raises:
            NotAllowed: this process belongs to no run, and `allow_offline` is not set.

        Source: Azure ML SDK v1, `Run.get_context`.
        """
        from bridge.handles.run_of_process import run_of_process

        return run_of_process(allow_offline)

    @staticmethod
    def get_submitted_run(**ignored: object) -> Run:
        """`get_context` that raises outside of a submitted script, as old scripts call it."""
        return Run.get_context(allow_offline=False)

    # What it is

    @property
    def run_id(self) -> str:
        """The same as `id`, under the name it has in MLflow."""
        return self.id

    @property
    def number(self) -> int:
        """Counts the runs of the experiment from 1."""
        return self.place.record().number

    @property
    def status(self) -> Status:
        """The status, read anew."""
        return self.place.record().status

    def get_status(self) -> Status:
        """The status, read anew."""
        return self.place.record().status

    def get_detailed_status(self) -> dict[str, str | None]:
        """The `status`, and under `details` what a queue says of it: nothing, for there is none here."""
        return {"status": self.status, "details": None}

    @property
    def type(self) -> str | None:
        """`azureml.scriptrun` for a run of a submitted script, else None."""
        return self.place.record().type

    @property
    def name(self) -> str:
        """The same as `display_name`."""
        return self.display_name

    @property
    def identity(self) -> str:
        """The name of the class, `#` and the id."""
        return f"{self.__class__.__name__}#{self.id}"

    def start(self) -> None:
        """Say that a run which somebody made is Running; again, it changes nothing.

        Raises:
            InvalidState: the run has ended.
        """
        record = self.place.record()
        if record.status != "Running":
            start_time = now_ms() if record.start_time is None else None
            self.place.update(RunChanges(status="Running", expected=OPEN_STATUSES, start_time=start_time))

    @property
    def display_name(self) -> str:
        """What the run is called; may be set."""
        return self.place.record().display_name

    @display_name.setter
    def display_name(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise InvalidValue("display name", name, "must be text that is not empty")
        self.place.update(RunChanges(display_name=name))

    @property
    def description(self) -> str | None:
        """Free text; may be set, and None takes it away."""
        return self.place.record().description or None

    @description.setter
    def description(self, text: str | None) -> None:
        self.place.update(RunChanges(description=check_text_or_none("description", text) or ""))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong without ending the run, a sentence each."""
        return self.place.record().warnings

    @property
    def error(self) -> dict[str, Any] | None:
        """What the run failed with: `code`, `message` and what else is known; None if it did not."""
        import json

        record = self.place.record()
        # One that failed may be ended otherwise through MLflow.
        return dict(json.loads(record.error)) if record.error and record.status == "Failed" else None

    # Labels

    @property
    def params(self) -> dict[str, str]:
        """Params, as MLflow's clients log them: text, set once."""
        return dict(self.place.record().params)

    @property
    def tags(self) -> dict[str, str | None]:
        """Labels that can be changed, without MLflow's own (`mlflow.…`)."""
        return native_tags(self.place.record().tags)

    def get_tags(self) -> dict[str, str | None]:
        """Labels that can be changed, without MLflow's own (`mlflow.…`)."""
        return self.tags

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag; the value becomes text, and None means a tag without one."""
        self.set_tags({check_key(key, "tag key"): value})

    def set_tags(self, tags: str | Mapping[str, object]) -> None:
        """Set tags; others stay.

        Args:
            tags: values by key, or one key for a tag without a value.

        Raises:
            InvalidValue: a key may not be used; none is set.
        """
        self.place.update(RunChanges(tags=run_tag_values(tags)))

    def remove_tags(self, keys: str | builtins.list[str]) -> None:
        """Remove tags, several or one.

        Raises:
            NotFound: one of them is not there; none is removed.
        """
        self.place.update(RunChanges(removed_tags=check_keys("tag key", keys)))

    @property
    def properties(self) -> dict[str, str]:
        """Labels that are set once."""
        return dict(self.place.record().properties)

    def get_properties(self) -> dict[str, str]:
        """Labels that are set once."""
        return self.properties

    def add_properties(self, properties: Mapping[str, object]) -> None:
        """Set properties; values become text.

        Raises:
            InvalidState: one is set already, to another value; none is set.
            InvalidValue: a key may not be used; none is set.
        """
        values = {key: str(value) for key, value in label_values(properties, "property").items()}  # None too
        if values:
            self.place.update(RunChanges(properties=values))

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: str | Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        **azure: object,
    ) -> Any:
        """Register a file or folder that the run has kept as the next version of a model; returns the `Model`.

        Args:
            model_name: letters, digits, dashes, underscores and dots, at most 255.
            model_path: the artifact path, or a folder of them, or the name of a model that MLflow has logged for the
                run; the model's name by default.
            tags: labels of the version.
            properties: the same, kept apart.
            model_framework: a word for it, such as "ScikitLearn".
            model_framework_version: which.
            description: free text.
            azure: what the Azure ML SDK v1 takes besides, not looked at.

        Raises:
            InvalidValue: the name may not be used.
            NotFound: the run has no such file; or MLflow, whose registry keeps models, is not installed.
        """
        from bridge.handles.models import model_class

        return model_class().register_files(
            self,
            model_name,
            model_path,
            tags=tags,
            properties=properties,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            description=description,
        )

    # Its source

    def take_snapshot(self, file_or_folder_path: str | os.PathLike[str]) -> str:
        """Keep the source of the run, once; returns the id, which follows from the content.

        What is left out, for `.amlignore` or `.gitignore` says so, is never source, or is too large, is said in
        `docs/reference.md`; files that were too large are named in a warning of the run.

        Raises:
            NotFound: there is no such file or folder.
            InvalidState: the run has a snapshot already, or is deleted.
            InvalidValue: the folder holds so much that nothing was kept.
        """
        from bridge.source.empty import SNAPSHOT_PROPERTY
        from bridge.source.snapshot import take_snapshot

        if there := self.properties.get(SNAPSHOT_PROPERTY):
            raise InvalidState("run", self.id, f"the owner of snapshot {there}", "without a snapshot: take it once")
        opened, source = self.place.stores, check_local_path("file_or_folder_path", file_or_folder_path)
        snapshot = take_snapshot(opened.artifacts, source, workspace_folder=opened.address)
        if snapshot.id is None:
            raise InvalidValue("file_or_folder_path", str(file_or_folder_path), snapshot.warnings[0].rstrip("."))
        self.place.update(RunChanges(properties={SNAPSHOT_PROPERTY: snapshot.id}, warnings=snapshot.warnings))
        return snapshot.id

    def get_snapshot_id(self) -> str:
        """The id of the snapshot of the run's source.

        Raises:
            NotFound: the run has none.
        """
        from bridge.source.empty import SNAPSHOT_PROPERTY

        snapshot_id = self.properties.get(SNAPSHOT_PROPERTY)
        if snapshot_id is None:
            raise NotFound("snapshot", self.id, "the run has none; take one with run.take_snapshot")
        return snapshot_id

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | os.PathLike[str] | None = None) -> str:
        """Write the source as `<id>.zip`; returns its absolute path.

        Args:
            snapshot_id: another snapshot of the workspace; by default the run's own.
            path: the folder, made if absent; by default the system's temporary one.

        Raises:
            NotFound: there is no such snapshot.
            InvalidState: it is damaged.
        """
        import tempfile

        from bridge.source.snapshot import write_snapshot_zip

        folder = tempfile.gettempdir() if path is None else check_local_path("path", path)
        return str(write_snapshot_zip(self.place.stores.artifacts, snapshot_id or self.get_snapshot_id(), folder))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self)._of, (self.experiment, self.id)

    def __repr__(self) -> str:
        return f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    def _repr_html_(self) -> str:
        record = self.place.record()
        return html_table(
            {
                "Experiment": self.experiment.name,
                "Id": self.id,
                "Name": record.display_name,
                "Number": str(record.number),
                "Type": record.type or "",
                "Status": record.status,
                "Details Page": self.get_portal_url(),
            }
        )
