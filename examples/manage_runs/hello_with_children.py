"""Create five child runs and log a value to each."""

from bridge import Run

run = Run.get_context()
for number, child in enumerate(run.create_children(count=5)):
    child.log("number", number)
    child.complete()
