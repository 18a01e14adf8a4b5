"""The runs around a run: its children, all below it, and its parent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.address import check_folder
from bridge.errors import InvalidValue, NotFound
from bridge.handles.run_files import RunFiles
from bridge.records.run import RunRecord, check_run_id
from bridge.records.series import check_key
from bridge.records.text import check_text_or_none
from bridge.store.one_run import get_run
from bridge.store.run_place import new_run

if TYPE_CHECKING:
    from bridge.handles.run import Run
    from bridge.handles.script_run import ScriptRun
    from bridge.launch.script import ScriptRunConfig

BATCH_TAG = "azureml.batch_child_number"
"""What numbers the children that were made by their count."""


def _is_text(values: object) -> bool:
    return isinstance(values, (str, bytes))


class RunChildren(RunFiles):
    """What connects a run with its children and its parent; a part of `Run`.

    The status of a run and those of its children are independent.
    """

    _parent: Run | None

    def child_run(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: bool | str | os.PathLike[str] | None = None,
    ) -> Run:
        """Begin a run inside this one, as `Experiment.start_logging` does.

        Args:
            name: what it is called; a name is made up by default.
            run_id: an id of your own; 32 hex digits by default.
            outputs: a folder whose files are kept, as for `start_logging`; None is none.

        Raises:
            AlreadyExists: another run has the id.
            InvalidValue: the id or the name may not be used.

        Example:
            >>> with run.child_run("fold 1") as fold:
            ...     fold.log("loss", 0.3)
        """
        check_folder("outputs", outputs)
        checked = None if run_id is None else check_run_id(run_id)
        (child,) = self._begin_children([self._new_child(check_text_or_none("name", name), checked, {})])
        child._track(outputs)
        return child

    def create_children(
        self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[object] | None = None
    ) -> list[Run]:
        """Begin many runs inside this one at once, in one transaction.

        Args:
            count: how many; the tag `azureml.batch_child_number` numbers them from 0.
            tag_key: instead of a count, the tag by which the children differ.
            tag_values: what it is for each child; values become text.

        Raises:
            InvalidValue: there is neither a count nor a tag with its values, or there are both.
        """
        if count is not None and tag_key is None and tag_values is None:
            if isinstance(count, bool) or not isinstance(count, int) or count < 0:
                raise InvalidValue("count", count, "must be a number of runs")
            tags: list[Mapping[str, object]] = [{BATCH_TAG: str(number)} for number in range(count)]
        elif count is None and tag_key is not None and isinstance(tag_values, Iterable) and not _is_text(tag_values):
            tags = [{check_key(tag_key, "tag key"): value} for value in tag_values]
        else:
            given = {"count": count, "tag_key": tag_key, "tag_values": tag_values}
            raise InvalidValue("children", given, "give a count, or a tag_key and a list of tag_values")
        return self._begin_children([self._new_child(None, None, one) for one in tags])

    def _new_child(self, name: str | None, run_id: str | None, tags: Mapping[str, object]) -> RunRecord:
        return new_run(self.experiment.id, run_id=run_id, display_name=name, parent_id=self.id, tags=tags)

    def _begin_children(self, records: list[RunRecord]) -> list[Run]:
        from bridge.handles.run import Run

        self.place.stores.tracking.begin_runs(records)
        children = [Run._of(self.experiment, record.id) for record in records]
        for child in children:
            child._leave_open()
        return children

    def submit_child(
        self, config: ScriptRunConfig, tags: str | Mapping[str, object] | None = None, **kwargs: Any
    ) -> ScriptRun:
        """Submit a script as a run inside this one; see `Experiment.submit`."""
        return self.experiment.submit(config, tags=tags, _parent_run_id=self.id, **kwargs)

    def get_children(
        self,
        recursive: bool = False,
        tags: str | Mapping[str, object] | None = None,
        properties: str | Mapping[str, object] | None = None,
        type: str | None = None,
        status: str | None = None,
        **ignored: object,
    ) -> Iterator[Run]:
        """The active runs inside this one, newest start time first, of whichever experiment.

        Args:
            recursive: all below it, their children too.
            tags: a key that runs must have, or pairs that must all be equal; values are compared as text.
            properties: the same for properties.
            type: what the run's type, or its property `azureml.runsource`, must be.
            status: the status that runs must have.
            ignored: what old scripts pass besides.

        Raises:
            InvalidValue: tags or properties are neither, or there is no such status.
        """
        from bridge.handles.run_search import find_runs
        from bridge.records.search import RunQuery

        query = RunQuery((), below=self.id, recursive=recursive)
        return find_runs(self.experiment, query, tags, properties, type, status)

    @property
    def parent(self) -> Run | None:
        """The run that this one was begun inside of, None if there is none (any more); looked up once."""
        from bridge.handles.run import Run

        if self._parent is None:
            parent_id = get_run(self.place.stores.tracking, self.id, latest=False).parent_id
            try:
                self._parent = Run.get(self.experiment.workspace, parent_id) if parent_id else None
            except NotFound:  # MLflow's clients may name any run
                return None
        return self._parent
