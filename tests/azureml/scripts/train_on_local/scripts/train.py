"""Sweep the alpha of a ridge regression, and keep a model of each."""

import os
import pickle

import mylib
from azureml.core.run import Run
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

os.makedirs("./outputs", exist_ok=True)
X, y = load_diabetes(return_X_y=True)
run = Run.get_context()
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)

for alpha in mylib.get_alphas():
    reg = Ridge(alpha=alpha)
    reg.fit(X_train, y_train)
    mse = mean_squared_error(reg.predict(X_test), y_test)
    run.log("alpha", alpha)
    run.log("mse", mse)
    with open(f"./outputs/ridge_{alpha:.2f}.pkl", "wb") as file:
        pickle.dump(reg, file)
    print(f"alpha is {alpha:.2f}, and mse is {mse:.2f}")
