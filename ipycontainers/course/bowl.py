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

from ipycontainers.errors import ContainerError
from ipycontainers.namespaces import proc
from ipycontainers.namespaces.snapshot import Limit, fields
from ipycontainers.oci.sizes import size

from .catalogue import legible, words
from .lab import OURS, Lab

PROC = Path("/proc")


def look(at: Path = PROC, groups: Path = proc.GROUPS) -> list[list[str]]:
    """Rows of: what, its value here, what it tells. What this system does not show is said so."""
    status = fields(proc.read(at / "self" / "status") or "")
    limits = {one.name: one for one in proc.own_limits(at, groups)}
    unseen = words("bowl.unseen")
    first = proc.read(at / "1" / "comm")
    return [
        _row("pid", str(os.getpid())),
        _row("first", legible(first) if first else unseen),
        _row("host", legible(platform.node())),
        _row("memory", f"{_memory(limits.get('memory'))} / {_of_machine(at)}"),
        _row("processors", f"{_processors(limits.get('processor'))} / {os.cpu_count() or unseen}"),
        _row("privileges", status.get("NoNewPrivs", unseen)),
        _row("seccomp", status.get("Seccomp", unseen)),
        _row("capabilities", status.get("CapEff", unseen)),
    ]


def _row(name: str, value: str) -> list[str]:
    return [words(f"bowl.{name}"), value, words(f"bowl.{name}.tells")]


def _memory(limit: Limit | None) -> str:
    if limit is None:
        return words("bowl.unseen")
    return size(int(limit.limit)) if limit.limit else words("bowl.none")


def _processors(limit: Limit | None) -> str:
    if limit is None:
        return words("bowl.unseen")
    return f"{limit.limit:g}" if limit.limit else words("bowl.none")


def _of_machine(at: Path) -> str:
    memory = proc.machine(at).memory
    return size(memory) if memory else words("bowl.unseen")


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
    try:
        return [
            (name, str(lab.connection.inspect_image(name)["Id"])[:19])
            for name in lab.connection.list_images()
            if name.startswith(OURS)
        ]
    except ContainerError:  # the engine went, or an image did
        return []
