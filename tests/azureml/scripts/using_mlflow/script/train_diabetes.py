"""Knows MLflow only."""

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import mlflow
import mlflow.sklearn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

with mlflow.start_run():
    X, y = load_diabetes(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
    mlflow.log_metric("Training samples", len(X_train))
    mlflow.log_metric("Test samples", len(X_test))
    reg = Ridge(alpha=0.03)
    reg.fit(X_train, y_train)
    plt.scatter(y_test, reg.predict(X_test))
    plt.savefig("actuals_vs_predictions.png")
    mlflow.log_artifact("actuals_vs_predictions.png")
    mlflow.sklearn.log_model(reg, "model")
