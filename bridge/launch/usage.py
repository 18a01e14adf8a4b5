"""Measures the processor time, the memory and the GPUs that a script and its processes use."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from bridge.errors import BridgeError
from bridge.records.series import Point
from bridge.store.tracking import TrackingStore

logger = logging.getLogger("bridge")

FIRST_SECONDS = 0.5
PERIOD_SECONDS = 5.0


class UsageSampler:
    """A thread that logs metrics of a process and its descendants: after half a second, and then every five seconds.

    `system/cpu_percent` is the processor time; 200 means that two processors are busy.
    `system/memory_bytes` is the memory of the processes.
    `system/gpu_<n>_percent` is the load of a GPU that the processes use.
    `system/gpu_<n>_memory_bytes` is the memory of this GPU that the processes use.

    Args:
        tracking: the store.
        run_id: the run.
        pid: the process.
    """

    def __init__(self, tracking: TrackingStore, run_id: str, pid: int) -> None:
        self._tracking, self._run_id, self._pid = tracking, run_id, pid
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="bridge-usage", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread, without waiting for it."""
        self._closed.set()

    def _sample(self) -> None:
        try:
            tree = ProcessTree(self._pid)
            gpus = Gpus()
        except ImportError as error:
            logger.debug("No system metrics: %s", error)
            return
        pause = FIRST_SECONDS
        while not self._closed.wait(pause):
            pause = PERIOD_SECONDS
            values = tree.sample()
            if not values:
                return
            values.update(gpus.sample(tree.pids))
            now = time.time_ns() // 1_000_000
            try:
                points = [Point(f"system/{key}", value, now) for key, value in values.items()]
                self._tracking.log_points(self._run_id, points)
            except BridgeError as error:
                logger.debug("System metrics are not logged: %s", error)


class ProcessTree:
    """A process and its descendants. A sample contains the processor time since the previous sample."""

    def __init__(self, pid: int) -> None:
        import psutil

        self._psutil = psutil
        try:
            self._root: Any = psutil.Process(pid)
        except psutil.Error:  # the process has ended
            self._root = None
        self._known: dict[int, tuple[Any, float]] = {}
        self._at = time.monotonic()
        self._count(self._processes())

    @property
    def pids(self) -> set[int]:
        return set(self._known)

    def sample(self) -> dict[str, float | int]:
        """Return the metrics of the processes; an empty dict if the processes have ended."""
        processes = self._processes()
        if not processes:
            return {}
        now = time.monotonic()
        seconds, memory = self._count(processes)
        percent = 100.0 * seconds / max(now - self._at, 1e-3)
        self._at = now
        return {"cpu_percent": percent, "memory_bytes": memory}

    def _processes(self) -> list[Any]:
        if self._root is None:
            return []
        try:
            if not self._root.is_running() or self._root.status() == self._psutil.STATUS_ZOMBIE:
                return []
            return [self._root, *self._root.children(recursive=True)]
        except self._psutil.Error:
            return []

    def _count(self, processes: list[Any]) -> tuple[float, int]:
        """Return the processor time since the last count, in seconds, and the present memory, in bytes."""
        seconds, memory, known = 0.0, 0, {}
        for process in processes:
            try:
                times = process.cpu_times()
                memory += process.memory_info().rss
            except self._psutil.Error:  # the process has ended
                continue
            total = times.user + times.system
            before = self._known.get(process.pid)
            seconds += total - (before[1] if before and before[0] == process else 0.0)
            known[process.pid] = process, total
        self._known = known
        return seconds, memory


class Gpus:
    """The NVIDIA GPUs of this computer."""

    def __init__(self) -> None:
        self._handles: list[Any] = []
        try:
            import pynvml  # type: ignore[import-untyped]

            self._pynvml = pynvml
            pynvml.nvmlInit()
            self._handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        except ImportError:
            return
        except pynvml.NVMLError as error:
            logger.debug("No GPU metrics: %s", error)

    def sample(self, pids: set[int]) -> dict[str, float | int]:
        """Return the metrics of the GPUs that the given processes use.

        Args:
            pids: the processes.
        """
        values: dict[str, float | int] = {}
        for number, handle in enumerate(self._handles):
            try:
                used = self._memory(handle, pids)
                if used is not None:
                    values[f"gpu_{number}_percent"] = float(self._pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
                    values[f"gpu_{number}_memory_bytes"] = used
            except self._pynvml.NVMLError as error:  # some GPUs, and parts of a GPU (MIG), report no use
                logger.debug("GPU %d does not report its use: %s", number, error)
        return values

    def _memory(self, handle: Any, pids: set[int]) -> int | None:
        """Return the bytes of memory that the processes use on a GPU; None if they do not use the GPU.

        In a container, NVML lists no processes. In this case every busy GPU counts as used by the processes.
        """
        processes = self._pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
        held = [process.usedGpuMemory for process in processes if process.pid in pids]
        if processes:
            return sum(size or 0 for size in held) if held else None
        busy = self._pynvml.nvmlDeviceGetUtilizationRates(handle).gpu
        return int(self._pynvml.nvmlDeviceGetMemoryInfo(handle).used) if busy else None
