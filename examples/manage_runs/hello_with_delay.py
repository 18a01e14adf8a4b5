"""Sleep for ten minutes, so that the run can be canceled."""

import time

print("sleeping", flush=True)
time.sleep(600)
