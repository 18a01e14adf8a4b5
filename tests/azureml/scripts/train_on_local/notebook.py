"""The cells of training/train-on-local, their calls as they are typed there."""

import shutil
import sys

import azureml.core
import matplotlib.pyplot as plt
import numpy as np
from azureml.core import Environment, Experiment, ScriptRunConfig
from azureml.core.workspace import Workspace

print("SDK version:", azureml.core.VERSION)
ws = Workspace.from_config()
print(ws.name, ws.resource_group, ws.location, ws.subscription_id, sep="\n")

exp = Experiment(workspace=ws, name="train-on-local")

user_managed_env = Environment("user-managed-env")
user_managed_env.python.user_managed_dependencies = True
# user_managed_env.python.interpreter_path = "/path/of/another/python"

src = ScriptRunConfig(source_directory="./scripts", script="train.py", environment=user_managed_env)
run = exp.submit(src)
print("html:", run._repr_html_())
run.wait_for_completion(show_output=True)

metrics = run.get_metrics()
print("alphas:", [round(alpha, 2) for alpha in metrics["alpha"]], type(metrics["alpha"][3]).__name__)
best = metrics["alpha"][np.argmin(metrics["mse"])]
print(f"the best alpha is {best:.2f}, with an error of {min(metrics['mse']):.2f}")
plt.plot(metrics["alpha"], metrics["mse"], marker="o")
plt.savefig("mse.png")

names = run.get_file_names()
print("kept:", "outputs/ridge_0.40.pkl" in names, len([name for name in names if name.startswith("outputs/")]))
model = run.register_model(model_name="best_ridge_model", model_path="./outputs/ridge_0.40.pkl")
print("registered:", model.name, model.version, model.url)
print("models:", sorted(ws.models))

docker_env = Environment("docker-env")
docker_env.python.user_managed_dependencies = False
docker_env.docker.enabled = True
print("base image:", docker_env.docker.base_image)
if shutil.which("docker") and "--docker" in sys.argv:
    src.run_config.environment = docker_env
    run = exp.submit(src)
    run.wait_for_completion(show_output=True)
