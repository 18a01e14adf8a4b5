"""Identifies this process by its machine, boot, namespaces and start time, and finds out whether another process runs.

Each value is read once in a process, and again in a child after a fork. Reading a value takes microseconds.
"""

from __future__ import annotations

import errno
import os
import sys
from functools import cache
from io import FileIO

from bridge.forking import Step, on_fork
from bridge.journal.system import CallFailed, system

IS_MACOS = sys.platform == "darwin"

_PASSING = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})
"""The errors that mean that too many files are open or no memory is left. The next attempt may succeed."""

ONLY_NAMESPACE = 1
"""The number of the namespace on a system that has only one."""


@cache
def boot_id() -> str:
    """Return 32 hex digits that identify this boot of this machine; empty if they are unknown."""
    if IS_MACOS:
        return _hex_digits(_sysctl_text("kern.bootsessionuuid"))
    return _hex_digits(_read_text("/proc/sys/kernel/random/boot_id"))


@cache
def machine_id() -> str:
    """Return 32 hex digits that identify this machine; empty if they are unknown.

    Machines that were cloned with their disk, and containers of one image, may have the same digits.
    The machine id of the system is confidential, and cannot be computed from these digits.

    Source: machine-id(5) of systemd, gethostuuid(2) of macOS.
    """
    own = _macos_machine() if IS_MACOS else _hex_digits(_read_text("/etc/machine-id"))
    if not own:
        return ""
    half = f"{int(own[:16], 16) ^ int(own[16:], 16):016x}"  # `hashlib` takes milliseconds to load
    return half + half


@cache
def pid_namespace() -> int:
    """Return the number of the namespace in which this process has its id; 0 if it is unknown.

    Compare two numbers only if they were read on one machine since its last boot. On another machine, another namespace
    can have the same number: the first namespace has the same number everywhere.
    """
    return _namespace("pid")


@cache
def time_namespace() -> int:
    """Return the number of the namespace that gives this process its boot-time clock; 0 if it is unknown."""
    return _namespace("time")


def start_time(pid: int | None = None) -> int:
    """Return when a process (by default this one) started; 0 if the process has ended or is not visible from here.

    The unit is the system's: clock ticks of the boot-time clock (Linux), or microseconds since 1970 (macOS).
    A process keeps its start time when it executes another program. No two processes have the same process id and start
    time.
    In a time namespace, Linux shifts the boot-time clock. Two start times can be compared only if they were read in the
    same time namespace.
    """
    return _own_start() if pid is None else _start(pid) or 0


@cache
def _own_start() -> int:
    # `/proc` may be mounted from another namespace, in which this process has another id.
    return (_start(os.getpid()) if IS_MACOS else _start_in_stat("/proc/self/stat")) or 0


def is_running(pid: int, namespace: int, started: int, clock: int) -> bool | None:
    """Return whether a process that was started since the last boot still runs; None if it is not visible from here.

    A process that has ended does not run, even if its parent has not waited for it yet.

    Args:
        pid: the process id, greater than 0.
        namespace: the `pid_namespace()` of the process; 0 if it is unknown.
        started: the `start_time()` of the process; 0 if it is unknown.
        clock: the `time_namespace()` of the process; 0 if it is unknown.
    """
    if pid <= 0 or not namespace or namespace != pid_namespace():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # a process with this id exists, but it belongs to another user
    if not started or not clock or clock != time_namespace() or not _sees_own_namespace():
        return None
    found = _start(pid)
    return None if found is None else found == started


def _sees_own_namespace() -> bool:
    """Return whether `/proc` shows the namespace of this process. It may be mounted from another namespace."""
    if IS_MACOS:
        return True
    try:
        return bool(system(os.readlink, "/proc/self") == str(os.getpid()))
    except CallFailed:
        return False


def _start(pid: int) -> int | None:
    """Return when a process started; 0 if the process has ended, None if it is not visible."""
    return _start_on_macos(pid) if IS_MACOS else _start_in_stat(f"/proc/{pid}/stat")


def _start_in_stat(path: str) -> int | None:
    """Return the 22nd field of a `stat` file; 0 if the process has ended, None if the file does not exist.

    Source: proc_pid_stat(5).
    """
    # The program name, which precedes the last `)`, may contain any character.
    fields = _read_text(path).rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    state, threads, started = fields[0], fields[17], fields[19]
    # A process whose first thread has ended is shown as ended, even if other threads run.
    return 0 if state in "ZXx" and int(threads) <= 1 else int(started)


def _namespace(kind: str) -> int:
    if IS_MACOS:
        return ONLY_NAMESPACE
    try:
        return system(os.stat, f"/proc/self/ns/{kind}").st_ino
    except CallFailed:  # the kernel has no such namespaces, or `/proc` does not exist
        return ONLY_NAMESPACE if os.path.isdir("/proc/self/ns") else 0


def _read_text(path: str) -> str:
    """Return the text of a small file; empty if it cannot be read.

    Raises:
        CallFailed: the file cannot be read at the moment. Callers must not cache a result after this error.
    """
    try:
        with system(FileIO, path) as file:
            return system(file.read, 4096).decode("ascii", "replace").strip()
    except CallFailed as failed:
        if failed.errno in _PASSING:
            raise
        return ""


def _hex_digits(text: str) -> str:
    """Return the 32 hex digits of an id; empty if the text is not an id, as on a machine without a machine id."""
    digits = text.replace("-", "").lower()
    if len(digits) != 32 or set(digits) - set("0123456789abcdef") or not digits.strip("0"):
        return ""
    return digits


# macOS has no `/proc`, so these functions use `ctypes`. It is not loaded on other systems.


def _sysctl_text(name: str) -> str:
    import ctypes

    value, size = ctypes.create_string_buffer(128), ctypes.c_size_t(128)
    if ctypes.CDLL(None).sysctlbyname(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)):
        return ""
    return value.value.decode("ascii", "replace")


def _macos_machine() -> str:
    import ctypes

    class _Timespec(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    found, limit = ctypes.create_string_buffer(16), _Timespec(1, 0)
    if ctypes.CDLL(None).gethostuuid(found, ctypes.byref(limit)):
        return ""
    return _hex_digits(found.raw.hex())


def _start_on_macos(pid: int) -> int | None:
    """Return when a process started, in microseconds since 1970; 0 if it has ended, None if it is not visible.

    Source: sys/proc_info.h of macOS. The argument 3 of the call is PROC_PIDTBSDINFO. The answer has 136 bytes, and the
    last 16 are the start time.
    """
    import ctypes
    import struct

    library = ctypes.CDLL("/usr/lib/libproc.dylib", use_errno=True)
    data = ctypes.create_string_buffer(136)
    if library.proc_pidinfo(pid, 3, ctypes.c_uint64(0), data, 136) != 136:
        return 0 if ctypes.get_errno() == errno.ESRCH else None  # a process of another user may not be examined
    seconds, microseconds = struct.unpack_from("=QQ", data.raw, 120)
    return int(seconds * 1_000_000 + microseconds)


def _forget() -> None:
    for known in (pid_namespace, time_namespace, _own_start):
        known.cache_clear()


on_fork(Step.PROCESS, in_child=_forget)
