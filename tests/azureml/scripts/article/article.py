"""The article's calls as its readers type them."""

import matplotlib.image
import numpy as np
from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace

ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="article")

run = exp.start_logging()
run.log_list(name="Fibonacci", value=[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
for i in range(-10, 10):
    run.log(name="Sigmoid", value=1 / (1 + np.exp(-i)))
for angle in (0.0, 1.0):
    run.log_row(name="Cosine Wave", angle=angle, cos=np.cos(angle))
sines = {"angle": [0.0, 1.0], "sine": [np.sin(0.0), np.sin(1.0)]}
run.log_table(name="Sine Wave", value=sines)
matplotlib.image.imsave("./breadpudding.jpg", np.zeros((4, 4, 3)))
run.log_image(name="food", path="./breadpudding.jpg", plot=None, description="desert")
run.complete()
print("interactive:", run.get_status(), sorted(run.get_metrics()))

user_managed_env = Environment("user-managed-env")
user_managed_env.python.user_managed_dependencies = True
src = ScriptRunConfig(source_directory="./scripts", script="train.py", environment=user_managed_env)
run = exp.submit(src, show_output=True)
run.wait_for_completion(show_output=True)
print("metrics:", run.get_metrics())
print("params:", run.params)
print("ended:", run.get_status(), len(list(exp.get_runs())))
print("said:", any("said natively" in text for text in run.get_details_with_logs()["logFiles"].values()))
