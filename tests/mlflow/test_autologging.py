"""MLflow's autologging of scikit-learn, XGBoost, PyTorch and Lightning stores the same in its own store and ours."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy
import pandas
import pytest
from model_journeys import Both, ModelJourney

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*")]  # warnings of MLflow and the libraries

X = numpy.arange(40.0).reshape(20, 2) / 40
Y = numpy.arange(20) // 3 % 2


@pytest.fixture(autouse=True)
def no_requirements_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep MLflow from inferring the requirements of a model in a process, which takes seconds and may fail."""
    monkeypatch.setenv("MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT", "0")


def test_scikit_learn(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, log_loss
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    for module in ("_search", "_validation"):  # they measure the duration of each fit
        monkeypatch.setattr(f"sklearn.model_selection.{module}.time", SimpleNamespace(time=lambda: 0.0))

    @both.answer_the_same
    def autologged_scikit_learn(on: ModelJourney) -> None:
        tags = {"by": "itself"}
        mlflow.sklearn.autolog(log_input_examples=True, registered_model_name=f"{on.name} model", extra_tags=tags)
        try:
            with mlflow.start_run(run_name="given"):
                fitted = LogisticRegression().fit(pandas.DataFrame(X, columns=["a", "b"]), Y)
                predicted = fitted.predict(X)
                on.see("accuracy", accuracy_score(Y, predicted))
                on.see("loss", log_loss(Y, fitted.predict_proba(X)))
                on.see("score", fitted.score(X, Y))
            on.see("predicted again", mlflow.sklearn.load_model(f"models:/{on.name} model/1").predict_proba(X))
            mlflow.sklearn.autolog(registered_model_name=None)
            searched = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), GRID, cv=2).fit(X, Y)
            on.see("best", searched.best_params_)
            parent = mlflow.last_active_run().info.run_id
            children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent}'")
            on.see("children", sorted(children["params.logisticregression__C"]))
            with pytest.raises(ValueError, match="at least 2 classes"):
                LogisticRegression().fit(X, Y * 0)
            on.see("the one that failed", mlflow.last_active_run().info.status)
            mlflow.sklearn.autolog(log_models=False, log_datasets=False, log_post_training_metrics=False)
            with mlflow.start_run(run_name="little"):
                LogisticRegression(C=0.5).fit(X, Y).score(X, Y)
        finally:
            mlflow.sklearn.autolog(disable=True)


GRID = {"logisticregression__C": [0.1, 1.0, 10.0]}


def test_xgboost(both: Both) -> None:
    import xgboost

    @both.answer_the_same
    def autologged_xgboost(on: ModelJourney) -> None:
        mlflow.xgboost.autolog(log_input_examples=True, importance_types=["weight", "gain"])
        params = {"objective": "binary:logistic", "nthread": 1, "max_depth": 2, "eval_metric": ["logloss", "error"]}
        try:
            with mlflow.start_run(run_name="train"):
                data = xgboost.DMatrix(pandas.DataFrame(X, columns=["a", "b"]), Y)
                booster = xgboost.train(params, data, 5, evals=[(data, "train")], early_stopping_rounds=2)
                on.see("best", booster.best_iteration)
            made = mlflow.last_logged_model()
            on.see("predicted", mlflow.xgboost.load_model(made.model_uri).predict(data))
            on.see(
                "predicted by pyfunc",
                mlflow.pyfunc.load_model(made.model_uri).predict(pandas.DataFrame(X, columns=["a", "b"])),
            )
            fitted = xgboost.XGBClassifier(n_estimators=3, n_jobs=1, eval_metric="logloss")
            fitted.fit(X, Y, eval_set=[(X[:10], Y[:10]), (X[10:], Y[10:])], verbose=False)
            on.see("score", fitted.score(X, Y))
            on.see("classes", mlflow.xgboost.load_model(mlflow.last_logged_model().model_uri).predict(X))
            xgboost.XGBRegressor(n_estimators=2, n_jobs=1).fit(X, Y.astype(float))
        finally:
            mlflow.xgboost.autolog(disable=True)


def test_pytorch_and_lightning(both: Both) -> None:
    import torch
    from pytorch_lightning import LightningModule, Trainer
    from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
    from pytorch_lightning.loggers import MLFlowLogger
    from torch.utils.data import DataLoader, TensorDataset

    class Line(LightningModule):
        def __init__(self, learning_rate: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x)

        def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
            loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch: list[torch.Tensor], index: int) -> None:
            self.log("val_loss", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

        def test_step(self, batch: list[torch.Tensor], index: int) -> None:
            self.log("test_loss", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def data() -> Any:
        x = torch.arange(32.0).reshape(16, 2) / 32
        return DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4)

    def trainer(folder: Path, logger: Any, *callbacks: Any) -> Trainer:
        torch.manual_seed(0)
        return Trainer(
            logger=logger, max_epochs=3, accelerator="cpu", callbacks=list(callbacks), default_root_dir=str(folder),
            log_every_n_steps=1, enable_progress_bar=False, enable_model_summary=False,
            enable_checkpointing=bool(logger),
        )  # fmt: skip

    @both.answer_the_same
    def autologged_lightning(on: ModelJourney) -> None:
        mlflow.pytorch.autolog(log_every_n_step=1, registered_model_name=f"{on.name} model")
        try:
            with mlflow.start_run(run_name="autologged"):
                stopping = EarlyStopping("val_loss", patience=1)
                trained = trainer(on.folder, False, stopping)
                trained.fit(Line(), data(), data())
                trained.test(verbose=False, dataloaders=data(), model=trained.model)  # type: ignore[arg-type]
            loaded = mlflow.pytorch.load_model(f"models:/{on.name} model/1")
            on.see("predicted", lambda: loaded(torch.ones(1, 2)).detach().numpy())
        finally:
            mlflow.pytorch.autolog(disable=True)
        with mlflow.start_run(run_name="by hand") as run:
            info = mlflow.pytorch.log_model(
                loaded, name="net", pip_requirements=[], input_example=numpy.ones((1, 2), "f4")
            )
            mlflow.pytorch.log_state_dict(loaded.state_dict(), "state")
        on.see("by pyfunc", lambda: mlflow.pyfunc.load_model(info.model_uri).predict(numpy.ones((1, 2), "f4")))
        on.see("state", lambda: sorted(mlflow.pytorch.load_state_dict(f"runs:/{run.info.run_id}/state")))
        for keep in (True, "all"):
            logger = MLFlowLogger(on.name, f"logger {keep}", on.uri, {"team": "vision"}, log_model=keep)
            saved = ModelCheckpoint(monitor="val_loss", filename="{epoch}-{val_loss:.2f}", save_top_k=2, save_last=True)
            trained = trainer(on.folder, logger, saved)
            trained.fit(Line(), data(), data())
            trained.test(trained.model, data(), verbose=False)  # type: ignore[arg-type]
        attached = MLFlowLogger(run_id=run.info.run_id, tracking_uri=on.uri, prefix="late", synchronous=False)
        trainer(on.folder, attached).fit(Line(), data())
        on.see("attached", lambda: attached.experiment.get_run(run.info.run_id).data.to_dictionary())
