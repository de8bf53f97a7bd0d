"""The watchdog's own process: wait until the kernel is dead, then have its containers removed.

    python -I -S …/ipycontainers/watchdog --kernel 1234 [--sweep]

It waits on a pidfd, not for the end of its pipe, since children that the kernel
forked hold that pipe too and may outlive it. Where there is no pidfd (Linux before
5.3, macOS, a Python built for older systems) it asks twice a second who its parent
is: that changes at the moment the kernel dies. It lives as long as a kernel and there
is one for each, so until it has work it imports next to nothing and keeps what it is
told unread.

Knows: how a process waits and ends. Does not know: containers, engines.
"""

# pathlib would be a megabyte for the life of a kernel:
# ruff: noqa: PTH100, PTH120
from __future__ import annotations

import os
import select
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INBOX = 0  # the pipe from the kernel is this process's standard input

# Seconds between two looks at the kernel where it cannot be waited for.
INTERVAL = 0.5

# Seconds that an engine which hangs may hold up the first sweep.
SWEEP_LIMIT = 30

# Seconds that a kernel may outlive a SIGTERM to the watchdog. A service manager sends it to
# kernel and watchdog alike (systemd's KillMode=control-group, so JupyterHub on one machine).
GRACE = 10


def main(arguments: list[str]) -> None:
    """Return never: the process ends when all is removed or given up."""
    kernel = int(arguments[arguments.index("--kernel") + 1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        mail = _wait_on_windows(kernel)
    else:
        _arrange_signals()
        mail = _wait(kernel, sweep="--sweep" in arguments)
        signal.alarm(0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _clean_up(mail)
    os._exit(0)  # not held up by a thread that still waits for an engine


def _arrange_signals() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the sweeping child leaves no zombie
    signal.signal(signal.SIGTERM, lambda *_: signal.alarm(GRACE))


def _wait(kernel: int, *, sweep: bool) -> bytes:
    """All that the kernel wrote, once it is dead."""
    pidfd = _open_pidfd(kernel)
    sources = [INBOX] if pidfd is None else [INBOX, pidfd]
    mail = b""
    while True:
        ready = select.select(sources, [], [], INTERVAL if pidfd is None else None)[0]
        if INBOX in ready:  # first, so that all is read before the death is believed
            news = os.read(INBOX, 65536)
            mail += news
            if not news:
                sources.remove(INBOX)
            elif sweep and b"\n" in mail:
                sweep = False
                _sweep_in_child(mail)
        elif os.getppid() != kernel:
            return mail


def _open_pidfd(kernel: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        pidfd = os.pidfd_open(kernel)
    # Dead; ENOSYS; the EPERM of old seccomp profiles; or this Python does not know the call.
    except (OSError, AttributeError):
        return None
    if os.getppid() == kernel:
        return pidfd
    os.close(pidfd)  # the kernel is dead, and this may be another process with its pid
    return None


def _wait_on_windows(kernel: int) -> bytes:
    """The same, where ``select`` takes no pipes and a parent's death changes nothing."""
    import ctypes
    import threading

    mail = bytearray()

    def receive() -> None:
        while news := os.read(INBOX, 65536):
            mail.extend(news)

    threading.Thread(target=receive, daemon=True).start()
    if sys.platform == "win32":
        synchronize, infinite = 0x00100000, 0xFFFFFFFF
        process = ctypes.windll.kernel32.OpenProcess(synchronize, False, kernel)
        ctypes.windll.kernel32.WaitForSingleObject(process, infinite)
    return bytes(mail)


def _sweep_in_child(mail: bytes) -> None:
    """In a child, because the memory that docker-py needs goes with it."""
    # Elsewhere nothing proves a death (see identity), and a fork may crash in macOS's libraries.
    if sys.platform != "linux" or os.fork():
        return
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(SWEEP_LIMIT)
        os.dup2(1, INBOX)
        setting = _read(mail)[0]["setting"]
        from ipycontainers.watchdog import sweep

        sweep.remove_dead(setting)
    finally:
        os._exit(0)


def _clean_up(mail: bytes) -> None:
    messages = _read(mail) if b"\n" in mail else []
    engines = [message["engine"] for message in messages if "engine" in message]
    if engines:
        from ipycontainers.client import Candidate
        from ipycontainers.watchdog import sweep

        sweep.remove_of(messages[0]["kernel"], [Candidate.from_json(each) for each in engines])


def _read(mail: bytes) -> list[dict[str, Any]]:
    """The whole lines of ``mail``; from now on docker can be imported.

    The kernel's own path comes after the standard library and site-packages, so that
    a json.py beside the notebook is never taken for the real one.
    """
    import json
    import site

    site.main()  # what -S has left out
    messages: list[dict[str, Any]] = [json.loads(line) for line in mail.split(b"\n")[:-1]]
    sys.path += [entry for entry in messages[0]["path"] if entry not in sys.path]
    return messages


def _find_package() -> None:
    """Let ``ipycontainers`` be the folder that this file is in, wherever else there is one.

    Python was given the folder ``watchdog`` to run, and has put that on the path.
    Neither package's ``__init__`` is run: it would import what only kernels need.
    """
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != here]
    folders = {"ipycontainers": os.path.dirname(here), "ipycontainers.watchdog": here}
    for name, folder in folders.items():
        package = type(sys)(name)
        package.__path__ = [folder]
        sys.modules[name] = package


if __name__ == "__main__":
    if not __package__:
        _find_package()
    main(sys.argv[1:])
