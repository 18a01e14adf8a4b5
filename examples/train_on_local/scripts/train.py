"""Fit a ridge regression for each alpha, log its error, and store its model."""

import pickle
from pathlib import Path

from alphas import alphas
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split

from bridge import Run

run = Run.get_context()
X, y = load_diabetes(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
outputs = Path("outputs")
outputs.mkdir(exist_ok=True)

for alpha in alphas():
    model = Ridge(alpha=alpha).fit(X_train, y_train)
    error = mean_squared_error(y_test, model.predict(X_test))
    run.log("alpha", alpha)
    run.log("mse", error)
    (outputs / f"ridge_{alpha:.2f}.pkl").write_bytes(pickle.dumps(model))
    print(f"alpha {alpha:.2f}: mean squared error {error:.2f}")
