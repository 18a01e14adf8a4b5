"""A backend on a server: each method sends one request, which the server answers with its own stores."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.errors import InvalidValue, StoreUnavailable
from bridge.records.series import NATIVE, Point
from bridge.records.storable import check_changes, check_experiment, check_run
from bridge.store.backend import Backend
from bridge.store.http.codec import JSON_TYPE, Body, dump_call, load_result
from bridge.store.http.methods import KEY_HEADER, METHODS, POINTS_BYTES, PROTOCOL_HEADER
from bridge.store.http.parts import in_pages, in_parts
from bridge.store.http.requests_sent import PATIENCE_SECONDS, Requests
from bridge.store.points import check_points

if TYPE_CHECKING:
    from bridge.records.artifact import ArtifactRecord
    from bridge.records.experiment import ExperimentRecord
    from bridge.records.page import Page
    from bridge.records.run import Lease, RunChanges, RunRecord
    from bridge.records.search import ExperimentQuery, RunQuery
    from bridge.records.series import SeriesRecord
    from bridge.store.slices import Slice
    from bridge.store.views import RunViews


class Caller:
    """Calls methods of the stores of a server.

    Args:
        requests: sends the requests.
    """

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def call(self, name: str, /, **arguments: Any) -> Any:
        """Call a method, and return its result.

        Raises:
            StoreUnavailable: the server does not answer, or its version is not compatible.
            BridgeError: the error of the method.
        """
        return self.send(name, dump_call(METHODS[name].function, arguments), os.urandom(16).hex())

    def send(self, name: str, body: Body, key: str) -> Any:
        """Call a method with a body that has its arguments, and return its result. A change has the given key.

        Raises:
            StoreUnavailable: the server does not answer, or its version is not compatible.
            BridgeError: the error of the method.
        """
        method = METHODS[name]
        headers = {"Content-Type": body.media_type}
        if method.is_keyed:
            headers[KEY_HEADER] = key
        answer = self._requests.post(method.path, body.content, headers)
        if not answer.headers.get(PROTOCOL_HEADER.lower(), "").isdecimal():
            raise StoreUnavailable(self._requests.address, "it is not a server of Runbridge")
        try:
            return load_result(method.function, answer.headers.get("content-type", ""), answer.content)
        except InvalidValue as error:
            raise StoreUnavailable(self._requests.address, f"its answer cannot be read ({error})") from error


def update_body(run_id: str, changes: RunChanges) -> bytes:
    """Return the body of a request that changes a run."""
    arguments = {"run_ids": (run_id,), "changes": check_changes(changes)}
    return bytes(dump_call(METHODS["update_runs"].function, arguments).content)


class HttpBackend(Backend):
    """A backend on a server.

    A request that is not answered is repeated. The server recognizes a repeated change by its key, so a change is made
    once. All methods wait for the server; `bridge.store.journaled` logs without waiting.

    Args:
        address: the address of the workspace, such as `http://host:5000` or `http://host:5000/w/name`.
        token: the token; None for a server without tokens.
        patience_seconds: for how long a call repeats a request that is not answered.
        find_token: returns the token that counts now. It is called if the server does not accept the token.

    Attributes:
        connection: sends the requests.
    """

    def __init__(
        self,
        address: str,
        token: str | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        find_token: Callable[[], str | None] | None = None,
    ) -> None:
        self.connection = Requests(address, token, patience_seconds, find_token)
        self._caller = Caller(self.connection)
        self._call = self._caller.call

    # Experiments

    def create_experiment(
        self,
        name: str,
        creation_time: int,
        artifact_location: str | None = None,
        tags: Mapping[str, str | None] | None = None,
    ) -> ExperimentRecord:
        check_experiment(creation_time, artifact_location, tags)
        found: ExperimentRecord = self._call(
            "create_experiment",
            name=name,
            creation_time=creation_time,
            artifact_location=artifact_location,
            tags=tags,
        )
        return found

    def get_experiment(self, experiment_id: str) -> ExperimentRecord:
        found: ExperimentRecord = self._call("get_experiment", experiment_id=experiment_id)
        return found

    def find_experiment(self, name: str) -> ExperimentRecord | None:
        found: ExperimentRecord | None = self._call("find_experiment", name=name)
        return found

    def search_experiments(self, query: ExperimentQuery) -> Page[ExperimentRecord]:
        found: Page[ExperimentRecord] = self._call("search_experiments", query=query)
        return found

    def rename_experiment(self, experiment_id: str, name: str, time: int) -> None:
        self._call("rename_experiment", experiment_id=experiment_id, name=name, time=time)

    def set_experiment_tags(
        self, experiment_id: str, tags: Mapping[str, str | None], removed: Sequence[str] = ()
    ) -> None:
        check_experiment(tags=tags, removed=removed)
        self._call("set_experiment_tags", experiment_id=experiment_id, tags=tags, removed=removed)

    def delete_experiment(self, experiment_id: str, time: int) -> None:
        self._call("delete_experiment", experiment_id=experiment_id, time=time)

    def restore_experiment(self, experiment_id: str, time: int) -> None:
        self._call("restore_experiment", experiment_id=experiment_id, time=time)

    def purge_experiment(self, experiment_id: str) -> None:
        self._call("purge_experiment", experiment_id=experiment_id)

    # Runs

    def create_runs(self, records: Sequence[RunRecord], leases: Sequence[Lease] = ()) -> list[RunRecord]:
        checked = [check_run(record) for record in records]
        found: list[RunRecord] = self._call("create_runs", records=checked, leases=leases)
        return found

    def get_runs(self, run_ids: Sequence[str], latest: bool = True) -> dict[str, RunRecord]:
        return in_parts(list(run_ids), lambda some: self._call("get_runs", run_ids=some, latest=latest))

    def get_active_runs(self, run_ids: Sequence[str]) -> set[str]:
        found: set[str] = self._call("get_active_runs", run_ids=run_ids)
        return found

    def check_writable(self, run_id: str) -> None:
        self._call("check_writable", run_id=run_id)

    def update_runs(self, run_ids: Sequence[str], changes: RunChanges) -> None:
        self._call("update_runs", run_ids=run_ids, changes=check_changes(changes))

    def repeat_update(self, content: bytes, key: str) -> None:
        """Call `update_runs` with a body of `update_body`. If the key was used before, the server changes nothing."""
        self._caller.send("update_runs", Body(content, JSON_TYPE), key)

    def delete_runs(self, run_ids: Sequence[str], time: int) -> None:
        self._call("delete_runs", run_ids=run_ids, time=time)

    def restore_runs(self, run_ids: Sequence[str]) -> None:
        self._call("restore_runs", run_ids=run_ids)

    def purge_runs(self, run_ids: Sequence[str]) -> None:
        self._call("purge_runs", run_ids=run_ids)

    def resume_purge(self) -> None:
        self._call("resume_purge")

    def search_runs(self, query: RunQuery) -> Page[RunRecord]:
        return in_pages(query, lambda some: self._call("search_runs", query=some))

    def search_run_ids(self, query: RunQuery) -> Page[str]:
        found: Page[str] = self._call("search_run_ids", query=query)
        return found

    def search_datasets(self, experiment_ids: Sequence[str]) -> list[tuple[str, str, str, str | None]]:
        found: list[tuple[str, str, str, str | None]] = self._call("search_datasets", experiment_ids=experiment_ids)
        return found

    # Points

    def log_points(self, run_id: str, points: Sequence[Point], api: int = NATIVE) -> None:
        self._call("log_points", run_id=run_id, points=check_points(points), api=api)

    def get_series_of(self, run_ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[SeriesRecord]]:
        return in_parts(list(run_ids), lambda some: self._call("get_series_of", run_ids=some, keys=keys))

    def append(self, slices: Sequence[Slice]) -> dict[str, int]:
        body = dump_call(METHODS["append"].function, {"slices": slices})
        if len(body.content) > POINTS_BYTES and len(slices) > 1:  # for example texts of many journals
            half = len(slices) // 2
            return {**self.append(slices[:half]), **self.append(slices[half:])}
        found: dict[str, int] = self._caller.send("append", body, "")
        return found

    def tidy(self) -> bool:
        return False  # the server does this work

    def get_receipts(self, journal_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = self._call("get_receipts", journal_ids=journal_ids)
        return found

    # Leases

    def claim_run(self, run_id: str, lease: Lease) -> None:
        self._call("claim_run", run_id=run_id, lease=lease)

    def end_unclaimed(self, now: int) -> list[str]:
        found: list[str] = self._call("end_unclaimed", now=now)
        return found

    def get_leases(self) -> list[Lease]:
        found: list[Lease] = self._call("get_leases")
        return [lease._replace(delivered=0) for lease in found]  # only the server compares these times

    def end_leases(self, gone: Mapping[str, int], silent: Collection[str] = ()) -> list[str]:
        found: list[str] = self._call("end_leases", gone=gone, silent=silent)
        return found

    # The index of artifacts

    def set_artifacts(self, root: str, records: Sequence[ArtifactRecord]) -> None:
        self._call("set_artifacts", root=root, records=records)

    def list_artifacts(self, root: str, folder: str = "", recursive: bool = False) -> list[ArtifactRecord]:
        found: list[ArtifactRecord] = self._call("list_artifacts", root=root, folder=folder, recursive=recursive)
        return found

    def find_artifact(self, root: str, path: str) -> ArtifactRecord | None:
        found: ArtifactRecord | None = self._call("find_artifact", root=root, path=path)
        return found

    def delete_artifacts(self, root: str, path: str = "") -> list[str]:
        found: list[str] = self._call("delete_artifacts", root=root, path=path)
        return found

    @property
    def views(self) -> RunViews:
        from bridge.store.http.views import HttpViews

        return HttpViews(self._call)

    # Closing and forking

    def find_workspace_id(self) -> str:
        found: str = self._call("find_workspace_id")
        return found

    def get_facts(self) -> dict[str, str]:
        found: dict[str, str] = self._call("get_facts")
        return found

    def close(self) -> None:
        self.connection.close()
