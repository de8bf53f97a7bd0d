"""The seam between what is to run and how it is kept apart.

Knows: what a launcher must be able to say. Does not know: any launcher.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ipycontainers.engine.container import Bundle, ExecSpec

STATUS = 3
SECCOMP = 4
ARGUMENTS = 5
"""Descriptors that a command's words may name: bubblewrap's report, its filter, more words."""


@dataclass(frozen=True)
class Command:
    """A process to start: words, environment, and what is done between fork and execve.

    ``program`` says how the container's own first program is found from the outside:
    "itself", it is what is started; "reported", its pid comes on ``STATUS`` (of the reaper,
    whose child it is, when ``reaped``); "child", it is the first child of what is started.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    program: Literal["itself", "reported", "child"] = "itself"
    reaped: bool = False
    descriptors: Mapping[int, bytes] = field(default_factory=dict)  # files to be read there
    filter: bytes = b""  # loaded before execve
    is_tracer: bool = False  # signals are kept from it, and within what it starts
    readable: tuple[str, ...] = ()  # of a tracer: all that it and what it traces may reach,
    writable: tuple[str, ...] = ()  # where the kernel can see to that
    enter: int = 0  # join the namespaces of this process first
    cwd: str = ""  # of what is started; of the container's, after entering
    user: str = ""  # after entering, looked up there; the one uid that is mapped gets its number
    capabilities: Mapping[bool, frozenset[int]] = field(default_factory=dict)  # of root: True
    asked: str = ""  # the container's program as it was named, for messages
    error_prefix: str = ""  # how the launcher's own messages begin


class Launcher(Protocol):
    """One way to start containers. Its methods are pure; ``choice`` makes it from what it found."""

    @property
    def name(self) -> str:
        """As ``choose`` knows it."""

    @property
    def isolates(self) -> frozenset[str]:
        """What it enforces, as measured here.

        Of: pid mount net ipc uts user cgroup hostname read-only network-none capabilities
        seccomp tmpfs signals files.
        """

    @property
    def needs_copy(self) -> bool:
        """Whether a container needs a root of its own, not layers."""

    def argv(self, bundle: Bundle) -> Command:
        """What starts the container. Called by its supervisor."""

    def exec_argv(self, bundle: Bundle, spec: ExecSpec, pid: int) -> Command:
        """What runs beside the container's program ``pid``. Called by its supervisor."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, from which ``launch.of`` makes this launcher in another process."""
