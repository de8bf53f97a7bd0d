"""The fishbowl: what this notebook's own program can see of where it runs.

A hosted notebook is itself in a container, and its walls can be measured from inside: its number
among the processes, the host name, the memory that its control group allows beside that of the
machine, whether new privileges are possible.

Knows: /proc and /sys of this program. Does not know: engines, beyond a Lab.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from ipycontainers.oci.sizes import size

from .catalogue import words
from .lab import OURS, Lab

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
UNLIMITED = 1 << 60  # cgroup v1 says so by a number near 2^63


def look() -> list[list[str]]:
    """Rows of: what, its value here, what it tells."""
    status = _status()
    limit, memory = _limit(), _memory()
    return [
        [words("bowl.pid"), str(os.getpid()), words("bowl.pid.tells")],
        [words("bowl.first"), _first(), words("bowl.first.tells")],
        [words("bowl.host"), platform.node(), words("bowl.host.tells")],
        [
            words("bowl.memory"),
            f"{size(limit) if limit else words('bowl.none')} / {size(memory)}",
            words("bowl.memory.tells"),
        ],
        [words("bowl.privileges"), status.get("NoNewPrivs", "?"), words("bowl.privileges.tells")],
        [words("bowl.seccomp"), status.get("Seccomp", "?"), words("bowl.seccomp.tells")],
        [words("bowl.capabilities"), status.get("CapEff", "?"), words("bowl.capabilities.tells")],
    ]


def versions(lab: Lab) -> list[list[str]]:
    """Rows of: what, which version."""
    from ipycontainers.client.doctor import installed

    return [
        ["ipycontainers", installed("ipycontainers")],
        ["Python", platform.python_version()],
        [words("colophon.engine"), lab.name or words("badge.none", engine="")],
        [words("colophon.kernel"), lab.kernel],
        *([name, digest] for name, digest in _images(lab)),
    ]


def _images(lab: Lab) -> list[tuple[str, str]]:
    if lab.connection is None:
        return []
    return [
        (name, str(lab.connection.inspect_image(name)["Id"])[:19])
        for name in lab.connection.list_images()
        if name.startswith(OURS)
    ]


def _status() -> dict[str, str]:
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _first() -> str:
    try:
        return Path("/proc/1/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return words("bowl.unseen")


def _limit() -> int:
    """In bytes; 0 where there is none, or none can be read."""
    for file in LIMITS:
        try:
            text = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        return int(text) if text.isdigit() and int(text) < UNLIMITED else 0
    return 0


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 0
