"""Print and log a greeting."""

from bridge import Run

run = Run.get_context()
print("hello from the script")
run.log("message", "hello")
