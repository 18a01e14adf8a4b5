"""The cells of track-and-monitor-experiments/manage-runs, their calls as they are typed there."""

import os
import time

import azureml.core
from azureml.core import Experiment, Run, ScriptRunConfig, Workspace

print("SDK version:", azureml.core.VERSION)
ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="experiment-for-managing-runs")

notebook_run = exp.start_logging()
notebook_run.log(name="message", value="Hello from run!")
print("interactive:", notebook_run.get_status(), repr(notebook_run).replace("\n", " "))
print("details:", notebook_run.get_details()["runId"] == notebook_run.id)
notebook_run.complete()
print("interactive:", notebook_run.get_status())
with exp.start_logging() as notebook_run:
    notebook_run.log(name="message", value="Hello from run!")
    print("with:", notebook_run.get_status())
print("with:", notebook_run.get_status())

with open(".amlignore", "w") as file:
    file.write("/outputs\n")
run_config = ScriptRunConfig(source_directory=".", script="hello.py")
local_script_run = exp.submit(run_config)
print("submitted:", local_script_run.get_status() in ("Starting", "Preparing", "Running", "Completed"))
print("logs:", isinstance(local_script_run.get_details_with_logs()["logFiles"], dict))
local_script_run.wait_for_completion(show_output=True)
print("submitted:", local_script_run.get_status(), local_script_run.get_metrics())

local_script_run.add_properties({"author": "azureml-user"})
print("properties:", local_script_run.get_properties()["author"])
try:
    local_script_run.add_properties({"author": "different-user"})
except Exception as e:
    print("refused:", e)
local_script_run.tag("quality", "great run")
print("tags:", local_script_run.get_tags())
local_script_run.tag("quality", "fantastic run")
local_script_run.tag("worth another look")
print("tags:", local_script_run.get_tags())
both = list(exp.get_runs(properties={"author": "azureml-user"}, tags={"quality": "fantastic run"}))
one = list(exp.get_runs(properties={"author": "azureml-user"}, tags="worth another look"))
print("found:", [run.id for run in both] == [run.id for run in one] == [local_script_run.id])

run_config = ScriptRunConfig(source_directory=".", script="hello_with_children.py")
local_script_run = exp.submit(run_config)
local_script_run.wait_for_completion(show_output=True)
print("children:", sorted(child.get_metrics()["Hello from child run "] for child in local_script_run.get_children()))

with exp.start_logging() as parent_run:
    for c, _ in enumerate(range(5)):
        with parent_run.child_run() as child:
            child.log(name="Hello from child run", value=c)
print("children:", [run.get_status() for run in parent_run.get_children()])

for end in ("cancel", "fail"):
    os.environ["PID_FILE"] = os.path.abspath(f"{end}.pid")
    local_script_run = exp.submit(ScriptRunConfig(source_directory=".", script="hello_with_delay.py"))
    if end == "fail":
        while not os.path.exists("fail.pid"):
            time.sleep(0.1)
        local_script_run.fail()
    else:
        local_script_run.cancel()
    print(f"{end}:", local_script_run.get_status())
    if os.path.exists(f"{end}.pid"):
        pid, until = int(open(f"{end}.pid").read() or 0), time.time() + 20
        while os.path.exists(f"/proc/{pid}") and time.time() < until:
            time.sleep(0.1)
        print("dead:", not os.path.exists(f"/proc/{pid}"))
    print(f"{end} stays:", Run(exp, local_script_run.id).get_status())

with exp.start_logging(snapshot_directory=".") as run:
    pass
where = run.restore_snapshot(path="snapshots")
print("snapshot:", os.path.isabs(where), where.endswith(".zip"), os.path.dirname(where) == os.path.abspath("snapshots"))
