"""Submit a training script, print its output, and register its best model."""

from pathlib import Path

from bridge import Environment, Experiment, ScriptRunConfig, Workspace

ws = Workspace.create("examples", exist_ok=True)
experiment = Experiment(ws, "train-on-local")

environment = Environment("this-python")
environment.python.user_managed_dependencies = True

config = ScriptRunConfig(Path(__file__).parent / "scripts", script="train.py", environment=environment)
run = experiment.submit(config, tags={"model": "ridge"})
run.wait_for_completion(show_output=True)

metrics = run.get_metrics()
error, alpha = min(zip(metrics["mse"], metrics["alpha"], strict=True))
print(f"Best of {len(metrics['mse'])}: alpha {alpha:.2f} with mean squared error {error:.2f}")
model = run.register_model("best_ridge", f"outputs/ridge_{alpha:.2f}.pkl")
print(f"Registered {model.name}, version {model.version}")
