"""Names of the Azure ML SDK's class `Model`: the words of frameworks, and the functions that ours does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from bridge.handles.absent import absent_attribute


class Framework:
    """Words for the package that a model was made with.

    Source: Azure ML SDK v1, `Model.Framework`.
    """

    CUSTOM = "Custom"
    MULTI = "Multi"
    ONNX = "Onnx"
    SCIKITLEARN = "ScikitLearn"
    TENSORFLOW = "TensorFlow"


class ModelNames(type):
    """The class of `Model`, which says of absent functions what to use instead."""

    if not TYPE_CHECKING:  # a type checker would accept every attribute

        def __getattr__(cls, name: str) -> NoReturn:
            raise absent_attribute("Model", name)
