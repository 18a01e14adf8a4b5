"""Takes longer than anybody waits."""

import time

print("sleeping", flush=True)
time.sleep(600)
