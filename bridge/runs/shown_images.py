"""The images of a run as MLflow's UI shows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.records.run import RunChanges
from bridge.store.run_place import RunPlace

TAG = "mlflow.loggedImages"
"""The tag of runs for which MLflow's UI lists the images.

Source: MLflow 3.17.2, `mlflow.utils.mlflow_tags.MLFLOW_LOGGED_IMAGES`.
"""

COMPRESSED = "+compressed."
"""A part of the file names of the smaller copies that MLflow stores of its images."""


@dataclass
class ShownImages:
    """The images that one handle has logged: whether the run has the tag, and the next step of each name.

    MLflow's UI reads the step of an image from the name of its file, and shows one image for each step.
    """

    is_tagged: bool = False
    next_steps: dict[str, int] = field(default_factory=dict)

    def next_step(self, place: RunPlace, name: str) -> int:
        """Return the step in the file name of an image without a step: the number of earlier images of this name."""
        from bridge.runs.pictures import image_prefix

        if name not in self.next_steps:
            prefix = f"images/{image_prefix(name)}"
            files = place.stores.artifacts.list(place.root(), "images")
            self.next_steps[name] = sum(file.path.startswith(prefix) and COMPRESSED not in file.path for file in files)
        step = self.next_steps[name]
        self.next_steps[name] += 1
        return step

    def show(self, place: RunPlace) -> None:
        """Give the run the tag, if this handle has not done so before."""
        if not self.is_tagged:
            place.update(RunChanges(tags={TAG: "True"}))
            self.is_tagged = True
