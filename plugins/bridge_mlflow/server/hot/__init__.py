"""The routes of MLflow's REST API for runs, metrics and experiments, answered without importing MLflow."""
