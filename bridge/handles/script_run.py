"""The handle of a run of a submitted script, which a launcher owns."""

from __future__ import annotations

from bridge.capture.session import is_run_of_process
from bridge.handles.run import Run
from bridge.records.run import SCRIPT_RUN
from bridge.runs.script_runs import cancel_script, remove_working_folder


class ScriptRun(Run):
    """A run that `Experiment.submit` started. Its launcher sets its status; the script itself cannot."""

    __module__ = "bridge"

    RUN_TYPE = SCRIPT_RUN

    def cancel(self) -> None:
        """Stop the script, and wait until the run is Canceled.

        The script and all processes that it started get SIGTERM, and SIGKILL five seconds later.
        If no launcher has taken over the run yet, the run becomes Canceled immediately. A launcher that starts later
        does not run the script.

        Raises:
            InvalidState: the run is Completed or Failed.
        """
        if is_run_of_process(self.id):
            super().cancel()
        else:
            cancel_script(self.place)

    def clean(self) -> None:
        """Remove the folder in which the script ran. The files that are stored with the run are not removed.

        Raises:
            InvalidState: the run has not ended.
            NotAllowed: the record of the run names a folder that is not the working folder of the run.
        """
        remove_working_folder(self.place)
