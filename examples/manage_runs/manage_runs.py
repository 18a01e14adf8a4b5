"""Start runs, submit scripts, label and find runs, cancel a run, and download its source."""

from pathlib import Path

from bridge import Experiment, InvalidState, ScriptRunConfig, Workspace

HERE = Path(__file__).parent
ws = Workspace.create("examples", exist_ok=True)
experiment = Experiment(ws, "manage-runs")

with experiment.start_logging(snapshot_directory=None) as interactive:
    interactive.log("message", "hello")
    print("interactive:", interactive.get_status())
print("interactive:", interactive.get_status())

script_run = experiment.submit(ScriptRunConfig(HERE, script="hello.py"))
script_run.wait_for_completion()
print("script:", script_run.get_status(), script_run.get_metrics())
print("log:", script_run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"].strip())

script_run.add_properties({"author": "ada"})
try:
    script_run.add_properties({"author": "grace"})
except InvalidState as error:
    print("refused:", error)
script_run.tag("quality", "great")
found = experiment.get_runs(tags={"quality": "great"}, properties={"author": "ada"})
print("found:", script_run.id in [run.id for run in found])

parent = experiment.submit(ScriptRunConfig(HERE, script="hello_with_children.py"))
parent.wait_for_completion()
print("children:", sorted(child.get_metrics()["number"] for child in parent.get_children()))

slow = experiment.submit(ScriptRunConfig(HERE, script="hello_with_delay.py"))
slow.cancel()
print("slow:", slow.get_status())

print("snapshot:", Path(script_run.restore_snapshot(path="snapshots")).suffix)
