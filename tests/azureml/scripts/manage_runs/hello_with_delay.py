"""Says hello, and takes long."""

import os
import time

print("sleeping", os.getpid(), flush=True)
with open(os.environ["PID_FILE"], "w") as file:
    file.write(str(os.getpid()))
time.sleep(300)
