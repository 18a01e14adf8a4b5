"""A native metric, and Lightning's logger in the same run."""

import logging

import numpy as np
from azureml.core import Run
from pytorch_lightning.loggers import MLFlowLogger

logging.basicConfig(level=logging.DEBUG)
run = Run.get_context()
ws = run.experiment.workspace
mlflow_url = ws.get_mlflow_tracking_uri()
mlf_logger = MLFlowLogger(experiment_name=run.experiment.name, tracking_uri=mlflow_url)
mlf_logger._run_id = run.id

mlf_logger.log_hyperparams({"alpha": 0.4})
for step in range(3):
    mlf_logger.log_metrics({"train_loss": 1.0 / (step + 1)}, step=step)
mlf_logger.finalize("success")
run.log(name="after the logger", value=np.float64(0.5))
logging.getLogger("mine").debug("said natively")
print("status in the script:", run.get_status())
