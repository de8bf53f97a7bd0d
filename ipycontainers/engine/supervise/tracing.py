"""Catch the first child of a process at the moment of its birth.

PRoot's first child is the container's program; one that lives for a millisecond would be gone
before anybody could look. So the process is traced until it forks, and then let go, child too:
the child asks to be traced by its parent only when it runs. In that moment it has its parent's
environment yet, of which it takes ``ITS_OWN`` into no program.

Knows: ptrace(2), proc(5). Does not know: PRoot.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import time
from contextlib import suppress

_CONT, _DETACH, _GETEVENTMSG, _SEIZE, _INTERRUPT = 7, 17, 0x4201, 0x4206, 0x4207
_FORKS = (1, 2, 3)  # PTRACE_EVENT_FORK, _VFORK, _CLONE
_OPTIONS = 0x2 | 0x4 | 0x8  # PTRACE_O_TRACEFORK, …VFORK, …CLONE
_WALL = 0x40000000  # any child, however it was made

ITS_OWN = b"PROOT_"
_START_STACK, _ENV_START, _ENV_END = 25, 47, 48  # of /proc/PID/stat, behind the program's name
_MOST = 1 << 20  # bytes of environment that are looked through

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def seize(pid: int) -> bool:
    """Begin to trace our child ``pid``, before it forks. False when the system forbids that."""
    return _ptrace(_SEIZE, pid, 0, _OPTIONS) == 0


def first_child(pid: int, within: float) -> tuple[int, int]:
    """The pid of the seized ``pid``'s first child, and a pidfd of it (-1 without pidfds).

    Neither is traced any more. (0, -1) when ``pid`` ended before, which is still to be waited
    for, or after ``within`` seconds.
    """
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            time.sleep(0.0003)
            continue
        if seen.si_code in (os.CLD_EXITED, os.CLD_KILLED, os.CLD_DUMPED):
            return 0, -1
        _, status = os.waitpid(pid, 0)
        event, number = status >> 16, os.WSTOPSIG(status)
        if event in _FORKS:
            return _let_go(pid)
        _ptrace(_CONT, pid, 0, 0 if event or number == signal.SIGTRAP else number)
    _ptrace(_INTERRUPT, pid, 0, 0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
    _ptrace(_DETACH, pid, 0, 0)
    return 0, -1


def _let_go(pid: int) -> tuple[int, int]:
    message = ctypes.create_string_buffer(8)
    _ptrace(_GETEVENTMSG, pid, 0, ctypes.addressof(message))
    child = int(struct.unpack("L", message.raw)[0])
    try:
        handle = os.pidfd_open(child)
    except OSError:
        handle = -1
    os.waitpid(child, _WALL)
    with suppress(OSError, ValueError, IndexError, struct.error):
        _forget(child)
    _ptrace(_DETACH, child, 0, 0)
    _ptrace(_DETACH, pid, 0, 0)
    return child, handle


def _forget(pid: int) -> None:
    """Its own variables, by their pointers: behind argc, argv and a null where its stack began."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        told = file.read().rpartition(b")")[2].split()
    at, start, end = (int(told[number]) for number in (_START_STACK, _ENV_START, _ENV_END))
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        strings = os.pread(memory, min(end - start, _MOST), start)
        at += 8 * (2 + struct.unpack("Q", os.pread(memory, 8, at))[0])
        size = 8 * strings.count(b"\0")
        pointers = struct.unpack(f"{size // 8}Q", os.pread(memory, size, at))
        own = {it for it in pointers if 0 <= it - start < len(strings)}
        own = {it for it in own if strings.startswith(ITS_OWN, it - start)}
        kept = [it for it in pointers if it not in own]
        os.pwrite(memory, struct.pack(f"{len(kept) + 1}Q", *kept, 0), at)
    finally:
        os.close(memory)


def _ptrace(request: int, pid: int, address: int, data: int) -> int:
    return int(_libc.ptrace(request, pid, address, data))
