"""A terminal for a program: of the container's own /dev/pts, so that ``tty`` finds its name.

Knows: devpts. Does not know: sessions, how the program is started.
"""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from contextlib import suppress

_UNLOCK, _OPEN_PEER = 0x40045431, 0x5441  # TIOCSPTLCK, TIOCGPTPEER: ioctl_tty(2)
_MULTIPLEXER = os.makedev(5, 2)
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TERMINAL = os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC


def pair(within: int) -> tuple[int, int]:
    """Both ends, ours first. ``within`` is a process whose /dev/pts is to have it, where that
    can be; 0 for this one's."""
    if within:
        with suppress(OSError):
            return _pair(within)
    return os.openpty()


def _pair(within: int) -> tuple[int, int]:
    ours = _multiplexer(within)
    try:
        fcntl.ioctl(ours, _UNLOCK, struct.pack("i", 0))
        return ours, fcntl.ioctl(ours, _OPEN_PEER, _TERMINAL)
    except OSError:
        os.close(ours)
        raise


def _multiplexer(within: int) -> int:
    """Step by step: a link of the container's would lead elsewhere."""
    handle = os.open(f"/proc/{within}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in ("dev", "pts"):
        try:
            inner = os.open(name, _FOLDER, dir_fd=handle)
        finally:
            os.close(handle)
        handle = inner
    try:
        if os.stat("ptmx", dir_fd=handle, follow_symlinks=False).st_rdev != _MULTIPLEXER:
            raise FileNotFoundError("ptmx")
        return os.open("ptmx", _TERMINAL | os.O_NOFOLLOW, dir_fd=handle)
    finally:
        os.close(handle)


def resize(terminal: int, height: int, width: int) -> None:
    """By our end."""
    with suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
