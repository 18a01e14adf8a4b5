"""The cells of using-mlflow/train-remote, their calls as they are typed there; the cluster is this machine."""

import azureml.core
import mlflow
from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.core.compute_target import ComputeTargetException

print("SDK version:", azureml.core.VERSION, mlflow.__name__)
ws = Workspace.from_config()
cluster_name = "cpu-cluster"
try:
    cpu_cluster = ComputeTarget(workspace=ws, name=cluster_name)
    print("Found existing cluster, use it.")
except ComputeTargetException:
    compute_config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=1)
    cpu_cluster = ComputeTarget.create(ws, cluster_name, compute_config)
cpu_cluster.wait_for_completion(show_output=True)

exp = Experiment(workspace=ws, name="train-on-amlcompute")
env = Environment(name="mlflow-env")
env.python.user_managed_dependencies = True
src = ScriptRunConfig(
    source_directory="script", script="train_diabetes.py", compute_target=cpu_cluster, environment=env
)
run = exp.submit(src)
run.wait_for_completion(show_output=True)
print("metrics:", run.get_metrics())
print("details:", run.get_details()["status"], run.get_details()["runId"] == run.id)
print("files:", "actuals_vs_predictions.png" in run.get_file_names())
print("children:", len(list(run.get_children())), "runs:", len(list(exp.get_runs())))
