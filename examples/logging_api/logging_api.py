"""Log values with every method of a run, and read them back."""

import math
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np

from bridge import Experiment, Run, Workspace

ws = Workspace.create("examples", exist_ok=True)
experiment = Experiment(ws, "logging-api")

with experiment.start_logging(display_name="every way of logging") as run:
    run.log_params({"optimizer": "adam", "learning rate": 0.1})
    run.log("category", "red")
    run.log("magic number", 42)
    for x in range(-10, 10):
        run.log("sigmoid", 1 / (1 + np.exp(-x)), description="one number after another")
    for epoch in range(3):
        run.log_metrics({"loss": 1 / (epoch + 1), "accuracy": 1 - 0.5**epoch}, step=epoch)
    run.log_series("gradient norm", np.geomspace(10, 0.1, 1000), steps=np.arange(0, 10_000, 10))
    run.log_list("fibonacci", [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
    for angle in np.linspace(-math.pi, math.pi, 20):
        run.log_row("cosine", angle=angle, cos=np.cos(angle))
    angles = np.linspace(-math.pi, math.pi, 20)
    run.log_table("sine", {"angle": angles.tolist(), "sine": np.sin(angles).tolist()})
    plt.plot(angles, np.tanh(angles))
    run.log_image("hyperbolic tangent", plot=plt)
    matrix = {"class_labels": ["cat", "dog"], "matrix": [[8, 2], [1, 9]]}
    run.log_confusion_matrix("pets", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": matrix})
    note = Path(tempfile.mkdtemp()) / "note.txt"
    note.write_text("kept with the run")
    run.upload_file("notes/note.txt", note)

again = Run(experiment, run.id)
metrics = again.get_metrics()
print(again.get_status(), metrics["category"], metrics["magic number"], metrics["fibonacci"][-1])
print("params:", again.params)
print("loss:", metrics["loss"])
print("gradient norm: last step", again.get_series("gradient norm").steps[-1])
print("sigmoid:", len(metrics["sigmoid"]), "points")
print("cosine:", {column: len(values) for column, values in metrics["cosine"].items()})
print("sine:", {column: len(values) for column, values in metrics["sine"].items()})
print("files:", len(again.get_file_names()))
again.tag("favourite")
print("tags:", again.get_tags())
print("page:", again.get_portal_url())
