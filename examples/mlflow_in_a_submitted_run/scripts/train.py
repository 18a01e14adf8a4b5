"""Log to one run with MLflow, with Lightning's logger and with the native API."""

import mlflow
from pytorch_lightning.loggers import MLFlowLogger

from bridge import Run

run = Run.get_context()

with mlflow.start_run():  # continues the submitted run
    mlflow.log_param("alpha", 0.4)
    mlflow.log_metric("mse", 3295.7)

logger = MLFlowLogger(
    experiment_name=run.experiment.name, tracking_uri=run.experiment.workspace.get_mlflow_tracking_uri()
)
logger._run_id = run.id
for step in range(3):
    logger.log_metrics({"train_loss": 1 / (step + 1)}, step=step)
logger.finalize("success")

run.log("verdict", "good")
print(f"the run is {run.get_status()}")
