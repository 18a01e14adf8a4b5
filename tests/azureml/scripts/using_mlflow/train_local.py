"""The cells of using-mlflow/train-local, their calls as they are typed there."""

import azureml.core
import azureml.mlflow
import matplotlib.pyplot as plt
import mlflow
import mlflow.sklearn
from azureml.core import Workspace
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

print("SDK version:", azureml.core.VERSION, azureml.mlflow.__name__)
ws = Workspace.from_config()
mlflow.set_tracking_uri(ws.get_mlflow_tracking_uri())
experiment_name = "experiment-with-mlflow"
mlflow.set_experiment(experiment_name)

X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
with mlflow.start_run():
    mlflow.log_metric("alpha", 0.03)
    reg = Ridge(alpha=0.03)
    reg.fit(X_train, y_train)
    preds = reg.predict(X_test)
    print("Mean Squared Error is", mean_squared_error(y_test, preds))
    mlflow.log_metric("mse", mean_squared_error(y_test, preds))
    mlflow.sklearn.log_model(reg, "model")
    plt.scatter(y_test, preds)
    plt.savefig("actuals_vs_predictions.png")
    mlflow.log_artifact("actuals_vs_predictions.png")

(run,) = ws.experiments[experiment_name].get_runs()
metrics = run.get_metrics()
print("run:", run.get_status(), metrics["alpha"], round(metrics["mse"]), run.get_file_names())
