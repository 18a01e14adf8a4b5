"""Models of plain Python; a module of its own, for MLflow's base class takes a second to be loaded."""

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
"""A model as a file of code."""


class Adder(PythonModel):
    """Adds what it was made with, or the param `more`."""

    def __init__(self, summand: float) -> None:
        self.summand = summand

    def predict(self, context: Any, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        return model_input + (params or {}).get("more", self.summand)


def double_all(model_input: list[float]) -> list[float]:
    """A model as a function."""
    return [2 * x for x in model_input]


def log_adder(summand: float = 1.0, **changes: Any) -> ModelInfo:
    """Log an `Adder`, with whatever else `mlflow.pyfunc.log_model` takes."""
    return mlflow.pyfunc.log_model(python_model=Adder(summand), pip_requirements=[], **{"name": "adder"} | changes)
