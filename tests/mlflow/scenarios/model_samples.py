"""Models of plain Python, in a module of their own because importing MLflow's base class takes a second."""

from __future__ import annotations

from typing import Any

import mlflow
from mlflow.models.model import ModelInfo
from mlflow.pyfunc import PythonModel

DOUBLE = """
from typing import Any

import mlflow
from mlflow.pyfunc import PythonModel


class Double(PythonModel):
    def load_context(self, context: Any) -> None:
        with open(context.artifacts["factor"]) as file:
            self.factor = float(file.read())

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input * self.factor


mlflow.models.set_model(Double())
"""
"""The code of a model in a file."""


class Adder(PythonModel):
    """A model that adds a constant, or the param `more`."""

    def __init__(self, summand: float) -> None:
        self.summand = summand

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return model_input + (params or {}).get("more", self.summand)


def double_all(model_input: list[float]) -> list[float]:
    """A function that is a model."""
    return [2 * x for x in model_input]


def log_adder(summand: float = 1.0, **changes: Any) -> ModelInfo:
    """Log an `Adder`, with further arguments of `mlflow.pyfunc.log_model`."""
    return mlflow.pyfunc.log_model(python_model=Adder(summand), pip_requirements=[], **{"name": "adder"} | changes)
