"""What /proc tells of the processes of a cell.

Knows: Linux. Does not know: cells.
"""

import contextlib
import os
import signal
import time

CLOCK_BOOTTIME = 7  # has no name in Python 3.6
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, as a first process is anyway."""
    if os.getpid() != 1:
        with contextlib.suppress(Exception):  # an image without ctypes: orphans go elsewhere
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def now() -> int:
    """This moment as /proc counts the starts of processes, in ticks since the machine's start."""
    try:
        return int(time.clock_gettime(CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))
    except (OSError, ValueError):
        return 0


def descendants(ancestor: int, since: int, without: int) -> "list[int]":
    """The living processes below ``ancestor`` that started at ``since`` or later."""
    parents, starts = {}, {}
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                with open("/proc/%s/stat" % name, "rb") as stat:
                    fields = stat.read().rpartition(b")")[2].split()
                if fields[0] not in (b"Z", b"X"):
                    parents[int(name)] = int(fields[1])
                    starts[int(name)] = int(fields[19])
    below = {ancestor}
    while True:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        if not more:
            break
        below |= more
    return [pid for pid in below - {ancestor, without} if starts[pid] >= since]


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def signal_name(number: int) -> str:
    """SIGKILL for 9; signals without a name are those of real time."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number


def exit_code(status: int) -> int:
    """What a shell would say of a status of waitpid: 128 + N for one that a signal ended."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
