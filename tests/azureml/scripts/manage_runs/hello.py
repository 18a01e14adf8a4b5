"""Says hello."""

from azureml.core import Run

run = Run.get_context()
print("hello from the script")
run.log("message", "hello")
