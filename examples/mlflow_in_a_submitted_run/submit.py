"""Submit a script that logs with MLflow and PyTorch Lightning to the submitted run."""

from pathlib import Path

from bridge import Experiment, ScriptRunConfig, Workspace

ws = Workspace.create("examples", exist_ok=True)
experiment = Experiment(ws, "mlflow-in-a-submitted-run")
run = experiment.submit(ScriptRunConfig(Path(__file__).parent / "scripts", script="train.py"), show_output=True)

print("status:", run.get_status())
print("params:", run.params)
print("metrics:", run.get_metrics())
