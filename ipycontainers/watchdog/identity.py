"""Who is this process, in words that another process can check.

A pid alone says little: it is reused, it means another process in another pid
namespace, and another one after a reboot or on another machine. Boot id, pid
namespace, pid and start time together name one process for good. From them
follows the only proof of death that we accept: same boot, same namespace, and
nobody there who has this pid and this start time.

All of it is Linux's /proc. What cannot be known (on macOS and Windows all of it,
under gVisor the boot id) is empty, and then nothing is proven.

Knows: /proc. Does not know: containers, labels, how to wait for a process.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def user() -> str:
    """``uid:name``; the name is empty where the uid has no account, as in many images."""
    if sys.platform == "win32":
        return f":{os.environ.get('USERNAME', '')}"
    import pwd

    try:
        return f"{os.getuid()}:{pwd.getpwuid(os.getuid()).pw_name}"
    except KeyError:
        return f"{os.getuid()}:"


def boot_id() -> str:
    """The random id that Linux draws at each boot, or the empty string."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def pid_namespace() -> str:
    """The inode of this process's pid namespace, or the empty string."""
    try:
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def started(pid: int) -> int | None:
    """When process ``pid`` began, in clock ticks after boot; None where that cannot be known.

    Raises ProcessLookupError if there is no such process, or only its zombie.
    """
    if sys.platform != "linux":
        return None
    # Sends nothing, and raises ProcessLookupError; /proc may also hide a process that lives.
    with suppress(PermissionError):
        os.kill(pid, 0)
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except ProcessLookupError:  # it ended between opening and reading
        raise
    except OSError:
        return None
    # proc(5). The program's name, in parentheses, may itself hold blanks and parentheses.
    # After it: field 3 the state, 20 the number of threads, 22 the start time.
    fields = stat.rpartition(b")")[2].split()
    # A main thread that has left while others run is a zombie too, but not the only thread.
    if fields[0] in (b"Z", b"X") and int(fields[17]) <= 1:
        raise ProcessLookupError(f"process {pid} is dead and waits for its parent")
    return int(fields[19])


def is_alive(pid: int, start: int) -> bool:
    """False only if the process ``pid`` that began at ``start`` is certainly gone."""
    try:
        found = started(pid)
    except ProcessLookupError:
        return False
    return found is None or found == start
