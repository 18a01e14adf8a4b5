"""The cells of track-and-monitor-experiments/logging-api, their calls as they are typed there."""

import os
import time

import azureml.core
import matplotlib.pyplot as plt
import numpy as np
from azureml.core import Experiment, Run, Workspace

print("SDK version:", azureml.core.VERSION)
ws = Workspace.from_config()
print("Workspace name: " + ws.name, "Azure region: " + ws.location, "Subscription id: " + ws.subscription_id, sep="\n")
print("Resource group: " + ws.resource_group)

experiment = Experiment(workspace=ws, name="logging-api-test")
run = experiment.start_logging()
print(run, experiment, run._repr_html_(), experiment._repr_html_())

run.log(name="Category", value="Red")
run.log(name="scale factor", value=2)
run.log(name="Magic Number", value=42)


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        yield a
        a, b = b, a + b


run.log_list(name="Fibonacci", value=fibonacci(12))
for i in range(-10, 10):
    run.log(name="Sigmoid", value=1 / (1 + np.exp(-i)))
for angle in np.linspace(-180.0, 180.0, 20) * np.pi / 180.0:
    run.log_row(name="Cosine Wave", angle=angle, cos=np.cos(angle))
sines = {"angle": [], "sine": []}
for angle in np.linspace(-180.0, 180.0, 20) * np.pi / 180.0:
    sines["angle"].append(angle)
    sines["sine"].append(np.sin(angle))
run.log_table(name="Sine Wave", value=sines)
angle = np.linspace(-3, 3, 50)
plt.plot(angle, np.tanh(angle), label="tanh")
run.log_image(name="Hyperbolic Tangent", plot=plt)

begun = time.time()
names = [f"column {i}" for i in range(15)]
for step in range(1000):
    for metric in ("Accuracy", "Loss", "Error rate"):
        run.log_row(metric, f"Example row for metric {metric}", **{name: step + 0.5 for name in names})
print("3,000 rows in less than 10 s:", time.time() - begun < 10)

os.makedirs("logging-api", exist_ok=True)
with open("logging-api/myfile.txt", "w") as file:
    file.write("This is an output file.")
run.upload_file(name="logging-api/myfile.txt", path_or_stream="logging-api/myfile.txt")
run.complete()

fetched_run = Run(experiment, run.id)
begun = time.time()
metrics = fetched_run.get_metrics()
print("read in less than 10 s:", time.time() - begun < 10)
print("category:", metrics["Category"], metrics["Magic Number"], metrics["Fibonacci"])
print("sigmoid:", len(metrics["Sigmoid"]), round(metrics["Sigmoid"][10], 3))
print("cosine:", {name: len(values) for name, values in metrics["Cosine Wave"].items()})
print("sine:", {name: len(values) for name, values in metrics["Sine Wave"].items()})
print("rows:", len(metrics["Accuracy"]), len(metrics["Loss"]["column 14"]), metrics["Error rate"]["column 3"][-1])
print("one:", fetched_run.get_metrics(name="scale factor"))

files = fetched_run.get_file_names()
print("files:", files)
os.makedirs("files", exist_ok=True)
for f in fetched_run.get_file_names():
    dest = os.path.join("files", f.split("/")[-1])
    print(f"Downloading file {f} to {dest}...")
    fetched_run.download_file(f, dest)
print("picture:", sorted(os.listdir("files"))[0].endswith(".png"), open("files/myfile.txt").read())

fetched_run.tag("My Favorite Run")
fetched_run.tag("Competition Rank", 1)
print("tags:", fetched_run.get_tags())
