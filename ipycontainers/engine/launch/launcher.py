"""The seam between what is to run and how it is kept apart.

Knows: what a launcher must be able to say. Does not know: any launcher.
"""

from __future__ import annotations

from typing import Any, Protocol

from ipycontainers.engine.command import Command
from ipycontainers.engine.container import Bundle, ExecSpec


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

    @property
    def maps_one_user(self) -> bool:
        """Whether all processes stay one user, whatever they ask for."""

    def argv(self, bundle: Bundle) -> Command:
        """What starts the container."""

    def own_processes(self, bundle: Bundle) -> int:
        """How many of its own stand in the container's control group."""

    def exec_argv(self, bundle: Bundle, spec: ExecSpec, pid: int) -> Command:
        """What runs beside the container's program ``pid``."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, from which ``launch.of`` makes this launcher in another process."""
