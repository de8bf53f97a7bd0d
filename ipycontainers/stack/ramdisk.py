"""The file system that a virtual machine starts with, in its memory: busybox and an init.

    packed = pack(program, b"#!/bin/busybox sh\\n…")

It is a cpio archive in the format that Linux unpacks by itself (newc, in
https://docs.kernel.org/driver-api/early-userspace/buffer-format.html):

    070701 and 13 numbers of 8 hexadecimal digits: inode, mode, uid, gid, links, time, size,
    device of the file (2), device that the file is (2), length of the name, checksum
    name and a zero byte, filled up to 4 bytes; content, filled up to 4 bytes

The same program and init give the same bytes.

Knows: newc. Does not know: what the init does.
"""

from __future__ import annotations

import stat

INIT = "/init"  # the path that Linux runs
SHELL = "/bin/busybox"
LARGEST = 16 << 20  # bytes of a program: it lies in the machine's memory
_CONSOLE = (5, 1)  # major and minor number


def pack(program: bytes, init: bytes) -> bytes:
    """``program`` is a static busybox. Raises ValueError for one that is too large."""
    if len(program) > LARGEST:
        raise ValueError(f"a program of {len(program) / 1e6:.0f} MB, of at most 16")
    folder = stat.S_IFDIR | 0o755
    entries = [
        ("bin", folder, b"", (0, 0)),
        ("dev", folder, b"", (0, 0)),
        ("proc", folder, b"", (0, 0)),
        # Else init has nothing to write to.
        ("dev/console", stat.S_IFCHR | 0o600, b"", _CONSOLE),
        (SHELL[1:], stat.S_IFREG | 0o755, program, (0, 0)),
        (INIT[1:], stat.S_IFREG | 0o755, init, (0, 0)),
        ("TRAILER!!!", 0, b"", (0, 0)),
    ]
    return b"".join(_entry(number, *entry) for number, entry in enumerate(entries, 1))


def _entry(number: int, name: str, mode: int, content: bytes, device: tuple[int, int]) -> bytes:
    told = name.encode("ascii") + b"\0"
    numbers = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(told), 0)
    head = b"070701" + b"".join(b"%08X" % one for one in numbers) + told
    return _filled(head) + _filled(content)


def _filled(part: bytes) -> bytes:
    return part + bytes(-len(part) % 4)
