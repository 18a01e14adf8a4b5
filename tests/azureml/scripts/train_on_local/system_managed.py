"""The cells of training/train-on-local about an environment that the system makes."""

from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace
from azureml.core.conda_dependencies import CondaDependencies

ws = Workspace.from_config()
exp = Experiment(workspace=ws, name="train-on-local")

system_managed_env = Environment("system-managed-env")
system_managed_env.python.user_managed_dependencies = False
cd = CondaDependencies.create(conda_packages=["scikit-learn"])
system_managed_env.python.conda_dependencies = cd

src = ScriptRunConfig(source_directory="./scripts", script="train.py")
src.run_config.environment = system_managed_env
run = exp.submit(src)
run.wait_for_completion(show_output=True)
print("alphas:", len(run.get_metrics()["alpha"]))
