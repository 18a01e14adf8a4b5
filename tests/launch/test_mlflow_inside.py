"""MLflow inside a submitted script writes into its run, and leaves the status to the launcher."""

from __future__ import annotations

import pytest
from both_places import IN_BOTH_PLACES
from submitting import Submit, log_of

from bridge import Run, Workspace

pytestmark = pytest.mark.processes


@IN_BOTH_PLACES
def test_mlflow_writes_to_the_scripts_run_and_a_second_run_is_a_child(submit: Submit, workspace: Workspace) -> None:
    code = """
        import bridge, mlflow
        with mlflow.start_run() as first:
            mlflow.log_param("alpha", 0.5)
            mlflow.log_metric("loss", 0.25)
            with open("note.txt", "w") as file:
                file.write("noted")
            mlflow.log_artifact("note.txt")
        mlflow.end_run("FAILED")
        print(first.info.run_id, bridge.Run.get_context().get_status())
        with mlflow.start_run() as second:
            mlflow.log_metric("loss", 1)
        print(second.info.run_id)
    """
    run = submit(code)
    assert run.wait_for_completion()["status"] == "Completed"
    first, status, second = [word for word in log_of(run).split() if len(word) == 32 or word == "Running"]
    assert (first, status) == (run.id, "Running")
    assert (run.params, run.get_metrics()) == ({"alpha": "0.5"}, {"loss": 0.25})
    assert "note.txt" in run.get_file_names()
    child = Run.get(workspace, second)
    assert (child.parent and child.parent.id, child.status) == (run.id, "Completed")


def test_a_status_that_mlflow_sets_at_exit_does_not_hide_a_crash(submit: Submit) -> None:
    run = submit("import mlflow\nwith mlflow.start_run(): mlflow.log_metric('loss', 1)\nraise SystemExit(5)")
    details = run.wait_for_completion(raise_on_error=False)
    assert (details["status"], details["error"]["error"]["exitCode"]) == ("Failed", 5)
