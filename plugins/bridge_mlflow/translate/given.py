"""The values that clients pass to MLflow's API: MLflow's entities, or the same values without MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Labelled(Protocol):
    """A param or a tag: MLflow's `Param`, `RunTag`, `ExperimentTag` or `InputTag`, or a `Label`."""

    @property
    def key(self) -> str:
        """The key."""

    @property
    def value(self) -> Any:
        """The value, which is text. MLflow's own classes accept other values, too."""


class Label(NamedTuple):
    """A param or a tag."""

    key: str
    value: Any


class MeasuredMetric(Protocol):
    """A point of a metric: MLflow's `Metric`, or a `Measured`."""

    @property
    def key(self) -> str:
        """The name of the metric."""

    @property
    def value(self) -> Any:
        """The value, which is a number. MLflow's class accepts other values, too."""

    @property
    def timestamp(self) -> Any:
        """The time in milliseconds since 1970 UTC."""

    @property
    def step(self) -> Any:
        """The step."""

    @property
    def model_id(self) -> str | None:
        """The id of the logged model that was measured, or None."""


class Measured(NamedTuple):
    """A point of a metric."""

    key: str
    value: float
    timestamp: int
    step: int
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class GivenDataset(NamedTuple):
    """A data set that a run used, with the attributes of MLflow's `Dataset`."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class GivenInput(NamedTuple):
    """The use of a data set by a run, with the attributes of MLflow's `DatasetInput`."""

    dataset: GivenDataset
    tags: Sequence[Labelled] = ()


class GivenModel(NamedTuple):
    """A model that a run used or produced, with the attributes of MLflow's classes for them."""

    model_id: str
    step: int = 0
