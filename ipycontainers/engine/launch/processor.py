"""Whether a program in a root is for this machine's processor.

Of each program the kernel looks at that first. PRoot loads programs by itself and does not: what
another processor would understand, this one would run, and crash in.

Knows: the first bytes of ELF, scripts. Does not know: launchers.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator

from ipycontainers.errors import UnsafeLayer
from ipycontainers.oci.inside import Inside

_INTEL, _ARM = frozenset({3, 62}), frozenset({40, 183})  # e_machine, of 32 and of 64 bits
_RUN_HERE = {"x86_64": _INTEL, "aarch64": _ARM}
_HEAD = 256  # as many bytes as the kernel looks at
_MOST_SCRIPTS = 4  # that name one another, as in the kernel


def is_foreign(inside: Inside, program: str, path: str, cwd: str) -> bool:
    """Whether the program, or what its first line names, is for another processor. ``path`` is
    where one without a slash is looked for. False of what is not there, or is not known."""
    machines = _RUN_HERE.get(os.uname().machine)
    head = next(filter(None, _heads(inside, program, path, cwd)), b"")
    for _ in range(_MOST_SCRIPTS):
        if not head.startswith(b"#!"):
            break
        words = head[2:].split(b"\n")[0].split()
        head = _head(inside, os.fsdecode(words[0])) if words else b""
    if machines is None or head[:4] != b"\x7fELF" or len(head) < 20:
        return False
    (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
    return machine not in machines


def _heads(inside: Inside, program: str, path: str, cwd: str) -> Iterator[bytes]:
    folders = [""] if program.startswith("/") else [cwd] if "/" in program else path.split(":")
    for folder in folders:
        yield _head(inside, f"{folder}/{program}")


def _head(inside: Inside, path: str) -> bytes:
    try:
        return inside.head(path, _HEAD)
    except (OSError, UnsafeLayer):
        return b""
