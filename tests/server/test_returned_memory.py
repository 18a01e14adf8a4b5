"""The server returns the memory of large answers to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FRAME_MB, PART_BYTES = 40, 4_000

CODE = f"""
import numpy
from bridge.server.memory import return_large_blocks
from bridge.server.portal.answers import frame_answer
from bridge.store.frames import Frame

def memory():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(one.split()[1]) / 1000 for one in lines if one.startswith("VmRSS"))

def answered():
    frame = Frame()
    for name in "abcdefgh":
        parts = [numpy.ones({PART_BYTES // 8}) for _ in range({FRAME_MB} * 1_000_000 // 8 // {PART_BYTES})]
        frame.add_joined(name, "f8", parts)
        del parts
    return frame_answer(frame)

return_large_blocks()
before = memory()
answer = answered()
assert len(answer.body) > {FRAME_MB} * 1_000_000
del answer
print(memory() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is one of glibc")
def test_the_memory_of_a_large_answer_is_returned() -> None:
    called = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert not called.stderr
    assert float(called.stdout) < FRAME_MB / 4
