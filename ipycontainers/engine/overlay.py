"""python -I -S overlay.py LAYERS UPPER WORK MERGED: keep a stopped container's root mounted.

In namespaces of its own it mounts the overlay, makes it its root, writes a byte to
standard output and waits for the end of its standard input. Until then the root is
``/proc/PID/root``, for processes of the same user. Nothing of it is seen elsewhere, and the
mount ends with the process.

Knows: unshare, mount, chroot. Does not know: containers; it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def main(layers: str, upper: str, work: str, merged: str) -> None:
    """``layers``: the newest first, each escaped, with colons, as overlayfs wants them. Without
    an ``upper`` nothing can be written, and a container that starts meanwhile can mount it: two
    that write fail at times, each removes what the other has in ``work``."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    _check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"0 {uid} 1")
    _write("/proc/self/gid_map", f"0 {gid} 1")
    _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    writes = f"upperdir={_escaped(upper)},workdir={_escaped(work)}," if upper else ""
    options = f"lowerdir={layers},{writes}userxattr"
    mounted = libc.mount(b"overlay", os.fsencode(merged), b"overlay", 0, os.fsencode(options))
    _check(mounted, "mount overlay")
    os.chroot(merged)
    os.chdir("/")
    os.write(1, b"+")
    while os.read(0, 4096):
        pass


def escaped(path: str) -> str:
    """As a part of lowerdir=: overlayfs takes a comma for the end and a colon for the next."""
    return _escaped(path).replace(":", "\\:")


def _escaped(path: str) -> str:
    return path.replace("\\", "\\\\").replace(",", "\\,")


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123  # pathlib costs 5 ms
        file.write(text)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        sys.exit(f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
