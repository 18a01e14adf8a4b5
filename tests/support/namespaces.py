"""Other environments for a forked child: host name, boot clock, process ids, a file system without locks."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import wraps

from forked import Child

NEW_TIME, NEW_UTS, NEW_USER, NEW_PID = 0x80, 0x4000000, 0x10000000, 0x20000000
SET_PARENT_DEATH_SIGNAL, DROP_BOUNDING_CAPABILITY = 1, 24
OVERRIDE_FILE_MODES = 1
"""CAP_DAC_OVERRIDE."""

_libc = ctypes.CDLL(None, use_errno=True)


def obey_file_modes() -> None:
    """Give up root's right to ignore the modes of files."""
    if os.getuid() == 0:
        _libc.prctl(DROP_BOUNDING_CAPABILITY, OVERRIDE_FILE_MODES)


def become_host(name: str) -> None:
    """Give this process a host name of its own."""
    _unshare(NEW_UTS)
    socket.sethostname(name)


def within(namespace: int, function: Callable[[], None], boot_seconds: int = 0) -> None:
    """Run a function in a child in another namespace, and wait for it; the child dies with this process.

    Args:
        namespace: `NEW_PID`, or `NEW_TIME`.
        function: the function to run.
        boot_seconds: how far the boot clock of a `NEW_TIME` is ahead.
    """
    _unshare(namespace)
    if namespace == NEW_TIME:
        with open("/proc/self/timens_offsets", "w") as file:
            file.write(f"boottime {boot_seconds} 0\n")
    child = os.fork()
    if child == 0:
        _libc.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        function()
        os._exit(0)
    os.waitpid(child, 0)


def refuse_flock() -> None:
    """Make `flock` fail permanently in this process and its children, as on a file system without locks."""
    number = {"x86_64": 73, "aarch64": 32}[platform.machine()]
    load, jump_if_equal, answer, allow, fail = 0x20, 0x15, 0x06, 0x7FFF0000, 0x00050000 | errno.ENOLCK
    steps = ((load, 0, 0, 0), (jump_if_equal, 0, 1, number), (answer, 0, 0, fail), (answer, 0, 0, allow))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    no_new_privileges, set_filter, by_filter = 38, 22, 2
    if _libc.prctl(no_new_privileges, 1, 0, 0, 0) or _libc.prctl(set_filter, by_filter, program, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def without_flock(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a child on a machine without `flock`."""

    @wraps(test)
    def run(*args: object, **options: object) -> None:
        def body(say: Callable[[str], None]) -> None:
            os.setsid()
            refuse_flock()
            test(*args, **options)

        child = Child(body)
        try:
            assert child.wait() == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # the processes that it started
            child.close()

    return run


def _unshare(namespace: int) -> None:
    user = 0 if os.geteuid() == 0 else NEW_USER
    if _libc.unshare(namespace | user):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
