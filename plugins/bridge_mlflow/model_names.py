"""Attributes of the Azure ML SDK's class `Model`: names of frameworks, and errors for functions that we do not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bridge.handles.absent import absent_attribute


class Framework:
    """The names of the packages with which models are made.

    Source: Azure ML SDK v1, `Model.Framework`.
    """

    CUSTOM = "Custom"
    MULTI = "Multi"
    ONNX = "Onnx"
    SCIKITLEARN = "ScikitLearn"
    TENSORFLOW = "TensorFlow"


class ModelNames(type):
    """The metaclass of `Model`.

    If a script uses a function of the SDK that we do not have, the error names a substitute.
    """

    if not TYPE_CHECKING:  # a type checker that sees `__getattr__` accepts every attribute

        def __getattr__(cls, name: str) -> NoReturn:
            raise absent_attribute("Model", name)
