"""The local part of tensorboard/tensorboard, its calls as they are typed there."""

import os

import azureml.core
import requests
from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace
from azureml.telemetry import set_diagnostics_collection
from azureml.tensorboard import Tensorboard
from azureml.widgets import RunDetails

print("SDK version:", azureml.core.VERSION)
set_diagnostics_collection(send_diagnostics=True)
ws = Workspace.from_config()
exp = Experiment(ws, "tensorboard-demo")
env = Environment("tensorboard-env")
env.python.user_managed_dependencies = True
os.makedirs("./logs", exist_ok=True)
src = ScriptRunConfig("board", script="write_events.py", arguments=["--log_dir", "./logs/tb-logs"], environment=env)
run = exp.submit(src)
run.wait_for_completion(show_output=True)
RunDetails(run).show()
tb = Tensorboard([run], port=int(os.environ["TB_PORT"]))
url = tb.start()
print("answers:", requests.get(url).status_code)
tb.stop()
