"""An experiment: a named set of runs."""

from __future__ import annotations

import builtins
import logging
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bridge.errors import AlreadyExists, InvalidState, InvalidValue
from bridge.handles.checks import check_workspace
from bridge.handles.html import html_table
from bridge.handles.notebook import LiveInNotebooks, hint, show_lists
from bridge.handles.workspace import Workspace
from bridge.records.experiment import ExperimentRecord, check_native_experiment_name
from bridge.records.labels import check_keys, has_labels, native_tags, tag_values, wanted_labels
from bridge.records.series import check_key
from bridge.records.times import now_ms
from bridge.runs.open_page import portal_url

if TYPE_CHECKING:
    from datetime import datetime

    from typing_extensions import Self  # part of `typing` only since Python 3.11

    from bridge.handles.run import Run
    from bridge.handles.script_run import ScriptRun
    from bridge.launch.script import ScriptRunConfig
    from bridge.records.search import View

logger = logging.getLogger("bridge")

DOCS_URL = "https://learn.microsoft.com/python/api/azureml-core/azureml.core.experiment(class)"


MLFLOWS_OWN = ("0", "Default")
"""The id and name of the experiment that MLflow needs in every workspace."""


class ViewType:
    """The values of `view_type` in `Experiment.list`."""

    __module__ = "bridge"

    All = "All"
    ActiveOnly = "ActiveOnly"
    ArchivedOnly = "ArchivedOnly"


STAGES: Mapping[str, View] = {
    ViewType.All: "all",
    ViewType.ActiveOnly: "active",
    ViewType.ArchivedOnly: "deleted",
}
"""The lifecycle stages of each view. An archived experiment has the stage `deleted`."""


class Experiment(LiveInNotebooks):
    """A named set of runs. The constructor opens the experiment with a name, and creates it if absent.

    Args:
        workspace: the workspace.
        name: the name. A new experiment's name has 1 to 255 letters, digits, underscores and dashes, and starts with a
            letter or digit. An experiment that MLflow created can have any name.

    Raises:
        InvalidValue: the experiment does not exist, and cannot be created because its name is not valid. This error is
            also raised if `workspace` is not a `Workspace` object.
        InvalidState: the experiment is archived. MLflow calls an archived experiment deleted.
    """

    __module__ = "bridge"

    def __init__(self, workspace: Workspace, name: str) -> None:
        check_workspace("workspace", workspace)
        tracking = workspace.stores.tracking
        record = tracking.find_experiment(name) if isinstance(name, str) else None
        if record is None:
            check_native_experiment_name(name)
            try:
                record = tracking.create_experiment(name, now_ms())
            except AlreadyExists:  # another process has created it concurrently
                record = tracking.find_experiment(name)
        assert record is not None
        if record.lifecycle_stage == "deleted":
            wanted = "active: call Experiment.list(ws, name, ViewType.ArchivedOnly)[0].reactivate()"
            raise InvalidState("experiment", name, "archived", wanted)
        self._set(workspace, record)

    def _set(self, workspace: Workspace, record: ExperimentRecord) -> None:
        self.workspace = workspace
        self.name = record.name
        self.id = record.id
        show_lists()

    @classmethod
    def wrap(cls, workspace: Workspace, record: ExperimentRecord) -> Self:
        """Return the handle of an experiment, active or archived, from a record that was read before."""
        experiment: Self = cls.__new__(cls)
        experiment._set(workspace, record)
        return experiment

    @staticmethod
    def list(
        workspace: Workspace,
        experiment_name: str | None = None,
        view_type: str = ViewType.ActiveOnly,
        tags: str | Mapping[str, object] | None = None,
    ) -> builtins.list[Experiment]:
        """Return the experiments of a workspace, oldest first.

        MLflow's experiment "Default" is included only if it has runs.

        Args:
            workspace: the workspace.
            experiment_name: return only the experiment with this name.
            view_type: a value of `ViewType`.
            tags: a key that experiments must have, or a dict of tags and values they must have. Values are compared
                as text.

        Raises:
            InvalidValue: the view does not exist, or `tags` is neither a key nor a dict.
        """
        check_workspace("workspace", workspace)
        if not isinstance(view_type, str) or view_type not in STAGES:
            raise InvalidValue("view_type", view_type, f"must be one of {', '.join(STAGES)}")
        wanted = wanted_labels(tags, "tag")
        found = listed_experiments(workspace, STAGES[view_type])
        return [
            Experiment.wrap(workspace, record)
            for record in sorted(found, key=lambda record: int(record.id))
            if experiment_name in (None, record.name) and has_labels(record.tags, wanted)
        ]

    @staticmethod
    def delete(workspace: Workspace, experiment_id: str) -> None:
        """Archive the experiment with an id, and all its runs.

        Raises:
            InvalidValue: the id is not text.
            NotFound: the experiment does not exist, or is already archived.
        """
        check_workspace("workspace", workspace)
        if not isinstance(experiment_id, str):
            raise InvalidValue(
                "experiment_id", experiment_id, "must be text, as Experiment(workspace, name).id gives it"
            )
        workspace.stores.tracking.delete_experiment(experiment_id, now_ms())

    def archive(self) -> None:
        """Hide the experiment and its runs. Nothing is lost; MLflow shows them as deleted.

        Raises:
            NotFound: the experiment is already archived.
        """
        Experiment.delete(self.workspace, self.id)

    def reactivate(self, new_name: str | None = None) -> None:
        """Restore an archived experiment and all its runs.

        Args:
            new_name: must be None, as in the Azure ML SDK v1.

        Raises:
            NotFound: the experiment is not archived.
        """
        if new_name is not None:
            raise InvalidValue("new_name", new_name, "must be None: an experiment is restored under its own name")
        self.workspace.stores.tracking.restore_experiment(self.id, now_ms())

    def refresh(self) -> None:
        """Set `name` to the name in the database, because another process can have renamed the experiment."""
        self._set(self.workspace, self.workspace.stores.tracking.get_experiment(self.id))

    @property
    def archived_time(self) -> datetime | None:
        """The time at which the experiment was archived, in UTC; None if it is active."""
        from datetime import datetime, timezone

        record = self.workspace.stores.tracking.get_experiment(self.id)
        if record.lifecycle_stage == "active":
            return None
        return datetime.fromtimestamp(record.last_update_time / 1000, timezone.utc)

    @property
    def workspace_object(self) -> Workspace:
        """The same as `workspace`, under its name in the Azure ML SDK v1."""
        return self.workspace

    def get_portal_url(self) -> str:
        """Return the address of the experiment's page if `runbridge ui` shows the workspace now.

        Otherwise return the terminal command that opens the page.
        """
        return portal_url(self.workspace.stores, f"experiments/{self.id}")

    def get_docs_url(self) -> str:
        """Return the address of the documentation of experiments."""
        return DOCS_URL

    def start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: bool | str | os.PathLike[str] | None = None,
        snapshot_directory: str | os.PathLike[str] | None = ".",
        display_name: str | None = None,
        description: str | None = None,
        tags: str | Mapping[str, object] | None = None,
    ) -> Run:
        """Start an interactive run. It is Running until `complete`, `fail` or `cancel` is called.

        If the run is still open when the process ends, it becomes Completed, or Failed after an uncaught exception.
        Files in `./logs` are stored while they grow. Files in `outputs` are stored before the run ends.
        If a file cannot be stored, the run gets a warning.

        Args:
            name: the same as `display_name`.
            run_id: an id of your own, of letters, digits, underscores and dashes; 32 hex digits by default.
            outputs: a folder, created if absent, whose files are stored under `outputs/`. None and True mean
                `./outputs`. False means that no outputs and no logs are stored.
            snapshot_directory: the folder of the source, which is stored as a snapshot. With None, no snapshot is
                stored.
            display_name: the name that is shown; a random name by default.
            description: free text.
            tags: a dict of values, which become text, or the key of one tag without a value.

        Raises:
            AlreadyExists: another run has the id.
            InvalidValue: the id, a name, the description, a tag or a folder is not valid.
        """
        from bridge.handles.run import Run
        from bridge.runs.start import start_run

        labels = (display_name, description, tags)
        session = start_run(self.workspace.stores, self.id, name, run_id, outputs, snapshot_directory, *labels)
        return Run.wrap(self, session.place.run_id, session=session)

    def submit(
        self,
        config: ScriptRunConfig,
        tags: str | Mapping[str, object] | None = None,
        show_output: bool = False,
        *,
        run_id: str | None = None,
        _parent_run_id: str | None = None,
        credential_passthrough: bool | None = None,
    ) -> ScriptRun:
        """Start a launcher: a process that runs the script and records its result.

        The launcher can outlive this process. `submit` returns when the launcher has become responsible for the run.

        Args:
            config: the script, its folder, arguments and environment.
            tags: a dict of values, which become text, or the key of one tag without a value.
            show_output: print the output of the script, and return when the run has ended.
            run_id: an id of your own; 32 hex digits by default.
            _parent_run_id: the id of the parent run.
            credential_passthrough: accepted for compatibility and ignored.

        Raises:
            InvalidValue: the configuration is not valid. The error names every mistake. No run is started.
            NotFound: the source folder or the script does not exist. No run is started.
            SubmitFailed: the source has too many files, or the run failed and `show_output` is set.

        Source: Azure ML SDK v1, `Experiment.submit`.
        """
        from bridge.handles.script_run import ScriptRun
        from bridge.runs.submit import submit_script

        place = submit_script(self.workspace.stores, self.id, config, tags, run_id, _parent_run_id)
        run = ScriptRun.wrap(self, place.run_id)
        if show_output:
            run.wait_for_completion(show_output=True)
        return run

    def get_runs(
        self,
        type: str | None = None,
        tags: str | Mapping[str, object] | None = None,
        properties: str | Mapping[str, object] | None = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """Return the active runs, newest start time first.

        Args:
            type: the run's type, or the value of its property `azureml.runsource`.
            tags: a key that runs must have, or a dict of tags and values they must have. Values are compared as text.
            properties: a key or a dict, as for `tags`.
            include_children: include runs that have a parent.

        Raises:
            InvalidValue: `tags` or `properties` is neither a key nor a dict.
        """
        from bridge.handles.run_list import runs_of_experiment

        return runs_of_experiment(self, tags, properties, type, include_children=include_children)

    @property
    def tags(self) -> dict[str, str | None]:
        """The experiment's tags, without MLflow's own tags (`mlflow.…`)."""
        record = self.workspace.stores.tracking.get_experiment(self.id)
        return native_tags(record.tags)

    def tag(self, key: str, value: object = None) -> None:
        """Set a tag. The value becomes text. If it is None, the tag has no value."""
        self.set_tags({check_key(key, "tag key"): value})

    def set_tags(self, tags: str | Mapping[str, object]) -> None:
        """Set tags: a dict of values, or the key of one tag without a value. Other tags are not changed."""
        self.workspace.stores.tracking.set_experiment_tags(self.id, tag_values(tags))

    def remove_tags(self, keys: str | builtins.list[str]) -> None:
        """Remove one tag or several.

        Raises:
            NotFound: at least one of the tags does not exist. In this case, no tag is removed.
        """
        removed = check_keys("tag key", keys)
        self.workspace.stores.tracking.set_experiment_tags(self.id, {}, removed=removed)

    def __reduce__(self) -> tuple[Any, ...]:
        from bridge.handles.pickles import reopen_experiment

        return reopen_experiment, (self.workspace, self.id)

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self.workspace.name})"

    def _repr_html_(self) -> str:
        links = {"Report Page": self.get_portal_url(), "Docs Page": self.get_docs_url()}
        return html_table({"Name": self.name, "Workspace": self.workspace.name, **links}) + hint()


def listed_experiments(workspace: Workspace, view: View) -> builtins.list[ExperimentRecord]:
    """Return the experiments that the native API lists. If MLflow's experiment "Default" has no runs, exclude it."""
    from bridge.records.search import ExperimentQuery, RunQuery

    tracking = workspace.stores.tracking
    found = tracking.search_experiments(ExperimentQuery(view=view)).items
    return [
        record
        for record in found
        if (record.id, record.name) != MLFLOWS_OWN
        or tracking.search_run_ids(RunQuery((record.id,), view="all", max_results=1)).items
    ]
