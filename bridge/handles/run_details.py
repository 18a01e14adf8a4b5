"""How a run stands: its details, its logs, and waiting for its end."""

from __future__ import annotations

from typing import Any

from bridge.handles.run_files import LocalPath, RunFiles


class RunDetails(RunFiles):
    """What tells of a run from outside; a part of `Run`."""

    def get_portal_url(self) -> str:
        """Where the run is to be seen: `<workspace URI>#/runs/<id>`."""
        return f"{self.experiment.workspace.get_mlflow_tracking_uri()}#/runs/{self.id}"

    @property
    def input_datasets(self) -> dict[str, Any]:
        """None: data is read by its path, and said with `mlflow.log_input`."""
        return {}

    @property
    def output_datasets(self) -> dict[str, Any]:
        """None: what a run makes is kept with it, as a file."""
        return {}

    def get_details(self) -> dict[str, Any]:
        """What is known of the run, as a dict.

        `runId`, `target`, `status`, `startTimeUtc`, `endTimeUtc` (once it has ended), `properties`, `inputDatasets`,
        `outputDatasets`, `runDefinition` (what was submitted), `logFiles` (URLs by name) and `submittedBy`;
        `error` and `warnings` where there are any.

        Source: Azure ML SDK v1, `Run.get_details`.
        """
        from bridge.runs.details import details_of

        return details_of(self)

    def get_details_with_logs(self) -> dict[str, Any]:
        """The same as `get_details`, with the text of each log in `logFiles`; what is no text is replaced in it."""
        from bridge.runs.details import details_with_logs

        return details_with_logs(self)

    def get_all_logs(self, destination: LocalPath | None = None) -> list[str]:
        """Write the logs of the run below a folder and return where they are.

        Args:
            destination: the folder, made if absent; None is `./assets/<run id>`.
        """
        from bridge.runs.details import download_logs

        return download_logs(self, destination)

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Return the details of the run when it has ended.

        Args:
            show_output: print its log as it grows, and how it ended.
            wait_post_processing: taken for the sake of old scripts: a run ends when its files are there.
            raise_on_error: raise if the run failed.

        Raises:
            SubmitFailed: the run failed, and the sentence ends in its error's message; or, with `show_output`,
                Ctrl-C was pressed: the run goes on then.

        Source: Azure ML SDK v1, `Run.wait_for_completion`.
        """
        from bridge.runs.details import wait

        return wait(self, show_output, raise_on_error)
