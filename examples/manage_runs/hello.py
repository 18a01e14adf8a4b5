"""Says hello, and logs it."""

from bridge import Run

run = Run.get_context()
print("hello from the script")
run.log("message", "hello")
