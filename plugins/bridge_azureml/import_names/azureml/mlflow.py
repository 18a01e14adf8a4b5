"""`azureml.mlflow` on Runbridge: importing it is enough, for MLflow finds Runbridge's plugin by itself."""
