"""The usage of a script. A fake NVML reports its GPUs, because most machines have no GPU."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from bridge.launch.usage import Gpus, ProcessTree


class Nvml(SimpleNamespace):
    """A fake NVML with GPUs. Each GPU is (busy percent, used bytes, used bytes by pid)."""

    class NVMLError(Exception):
        """An error like that of NVML."""

    def __init__(self, *gpus: tuple[int, int, dict[int, int]]) -> None:
        self.gpus = gpus

    def nvmlInit(self) -> None:
        if not self.gpus:
            raise self.NVMLError("no driver")

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        return number

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=self.gpus[handle][0])

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=self.gpus[handle][1])

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:
        held = self.gpus[handle][2]
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in held.items()]


@pytest.mark.parametrize(
    "gpus, values",
    [
        ([], {}),
        ([(90, 900, {7: 500, 8: 100})], {"gpu_0_percent": 90.0, "gpu_0_memory_bytes": 600}),
        ([(90, 900, {1: 500}), (5, 70, {8: 70})], {"gpu_1_percent": 5.0, "gpu_1_memory_bytes": 70}),
        ([(40, 900, {}), (0, 10, {})], {"gpu_0_percent": 40.0, "gpu_0_memory_bytes": 900}),
    ],
    ids=["no GPU", "two processes", "others' GPU", "a container"],
)
def test_gpus_that_a_script_uses_are_sampled(
    gpus: list[tuple[int, int, dict[int, int]]], values: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml(*gpus))
    assert Gpus().sample({7, 8, 9}) == values


def test_a_process_that_ends_before_the_first_sample_has_no_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    monkeypatch.setattr("psutil.pid_exists", lambda pid: True)  # it was there a moment ago
    assert ProcessTree(process.pid).sample() == {}
