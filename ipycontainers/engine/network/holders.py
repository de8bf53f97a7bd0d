"""Who has a port that cannot be had: a process and its pid, as far as this user may know.

/proc/net/tcp and its like name each socket's inode and its owner's uid, /proc/PID/fd the
sockets of the processes that may be looked into.

Knows: /proc. Does not know: containers.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .ports import overlaps

_LISTENS = "0A"
_MAPPED = "::ffff:"


@dataclass(frozen=True)
class Socket:
    """That is bound to a port."""

    address: str
    port: int
    uid: int
    inode: int


@dataclass(frozen=True)
class Holder:
    """``pid`` is 0 for one that may not be looked into."""

    pid: int
    words: str  # ``python3 (pid 12)``, ``another user's process (root)``


def of(protocol: str, host_ip: str, port: int) -> Holder | None:
    """None where nobody has it any more."""
    for one in sockets(protocol):
        if one.port == port and _are_in_the_way(one.address, host_ip):
            pid = _process(one.inode)
            return Holder(pid, f"{_name(pid)} (pid {pid})" if pid else _owner(one.uid))
    return None


def line(pid: int) -> Iterator[int]:
    """The process and all that are above it, from the nearest to the first."""
    while pid:
        yield pid
        try:
            text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return
        pid = int(text.rpartition(")")[2].split()[1])


def sockets(protocol: str) -> Iterator[Socket]:
    """Those of this network namespace that hold a port."""
    for name in (protocol, f"{protocol}6"):
        try:
            lines = Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if protocol != "tcp" or words[3] == _LISTENS:
                address, _, port = words[1].partition(":")
                yield Socket(_text(address), int(port, 16), int(words[7]), int(words[9]))


def _are_in_the_way(holder: str, host_ip: str) -> bool:
    # What listens on :: mostly takes IPv4 as well.
    return overlaps(holder, host_ip) or holder == "::"


def _text(address: str) -> str:
    """From /proc's form, words of 32 bits in the order of this machine."""
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    text = socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
    return text.removeprefix(_MAPPED) if "." in text else text


def _process(inode: int) -> int:
    """One that has the socket open and may be looked into; 0 for none."""
    wanted = f"socket:[{inode}]"
    return next((pid for pid in _pids() if wanted in _links(pid)), 0)


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _links(pid: int) -> Iterator[str]:
    """What a process has open; nothing of another user's, or of one that has ended."""
    with contextlib.suppress(OSError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it is closed just then
                yield str(path.readlink())


def _name(pid: int) -> str:
    """Its own, in which anything may stand."""
    try:
        text = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        text = ""
    return re.sub(r"[^\w.:/@+-]", "?", text) or "a process"


def _owner(uid: int) -> str:
    import pwd

    if uid == os.getuid():
        return "a process that may not be looked into"
    try:
        return f"another user's process ({pwd.getpwuid(uid).pw_name})"
    except KeyError:
        return f"another user's process (uid {uid})"
