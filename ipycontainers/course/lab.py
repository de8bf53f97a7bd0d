"""Where the course runs: which engine, what it keeps apart, and so what can be shown here.

    lab = Lab.here()
    lab.tier            "docker", "podman", "namespaces", "proot" or "none"
    lab.badge           "live · Docker 20.10.24"
    lab.made_for("04a-door")        the containers that carry the label course=04a-door

The tiers, from what shows most: Docker and Podman; our own engine with namespaces; our own by
PRoot, which translates paths and isolates nothing; none, where only recordings can be read.

Knows: the engine's answers. Does not know: claims, exercises, how anything is shown.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ipycontainers.engine.wire import moment_of
from ipycontainers.errors import ContainerError, EngineUnavailable, NotFound

from .recipes import RECIPE_LABEL

if TYPE_CHECKING:
    from ipycontainers.client import Connection

DOCKER: Final = "docker"
PODMAN: Final = "podman"
NAMESPACES: Final = "namespaces"
PROOT: Final = "proot"
NONE: Final = "none"
# Of every container that a learner makes for an exercise: its value is the exercise's id.
LABEL: Final = "course"
# Of the names of the course's images.
OURS: Final = "ipyc/"
# Of an image that a learner builds for an exercise: ipyc/02-small. Podman says where it is.
IMAGE: Final = r"(?:localhost/)?ipyc/(\d\d[a-z]?-[\w.-]+)"
# In which a container is apart from the host unless it is told otherwise, as /proc/PID/ns has it.
USUAL: Final = frozenset({"pid", "mnt", "net", "ipc", "uts"})
# Where our own engine's words for what it isolates differ: "net" is also said where only
# --network none is, "network" where every container has a network of its own.
KIND_OF: Final = {"mount": "mnt", "network": "net", "net": ""}


@dataclass(frozen=True)
class Lab:
    """``connection`` is None on the tier "none", and ``why`` says why there is none."""

    tier: str
    connection: Connection | None = None
    why: str = ""

    @classmethod
    def here(cls, *, start: bool = True) -> Lab:
        """That of this notebook: the engine on which ``%%container`` runs cells. Raises nothing
        of ours; our own engine is started where no other answers, unless ``start`` is False."""
        from ipycontainers.widgets.connection import connection

        try:
            found = connection(start=start)
        except ContainerError as error:  # no engine, or no sense in how one is named
            return cls(NONE, why=error.in_one_line)
        return cls.on(found)

    @classmethod
    def on(cls, connection: Connection) -> Lab:
        """That of an engine that is there."""
        return cls(_tier(connection), connection)

    @property
    def engine(self) -> Connection:
        """Raises EngineUnavailable on the tier "none"."""
        if self.connection is None:
            from .catalogue import words

            raise EngineUnavailable(self.why, words("lab.doctor"))
        return self.connection

    @cached_property
    def name(self) -> str:
        """The engine and its version: "Docker 20.10.24"; "" where there is none."""
        if self.connection is None:
            return ""
        version = str(self.connection.version().get("Version") or "")
        launcher = f", {self.connection.launcher}" if self.connection.launcher else ""
        return f"{self.connection.engine_name} {version}{launcher}"

    @cached_property
    def info(self) -> Mapping[str, Any]:
        """The engine's answer to ``/info``; empty where there is none."""
        return self.connection.info() if self.connection else {}

    @property
    def kernel(self) -> str:
        """The release on which containers run: the engine's, which may be another machine's."""
        return str(self.info.get("KernelVersion") or platform.release())

    @property
    def cgroup(self) -> str:
        """ "1" or "2"."""
        return str(self.info.get("CgroupVersion") or "1")

    @cached_property
    def isolates(self) -> frozenset[str]:
        """In which namespaces a container is apart from the host unless it is told otherwise, by
        the names in /proc/PID/ns: of our own engine as that has found out, of others as their
        options say. To be compared with what is measured, not to stand in its place. Not all are
        the container's alone: those of a rootless Podman share one user namespace."""
        if self.connection is None or self.tier == PROOT:
            return frozenset()
        if self.tier == NAMESPACES:
            told = str(dict(self.info.get("DriverStatus") or ()).get("Isolates") or "").split()
            return frozenset(KIND_OF.get(one, one) for one in told) & {*USUAL, "user", "cgroup"}
        more = {"cgroup"} if self.cgroup == "2" else set()
        return USUAL | more | ({"user"} if self.connection.is_rootless else set())

    @property
    def is_here(self) -> bool:
        """Whether containers' processes are this machine's, so that /proc shows them."""
        return self.connection is not None and self.connection.shares_files

    @property
    def badge(self) -> str:
        """In a few words, with what cannot be shown."""
        from .catalogue import words

        return words(f"badge.{self.tier}", engine=self.name)

    def made_for(self, exercise: str) -> list[dict[str, Any]]:
        """The engine's answers to inspect, of the containers with the label course=``exercise``,
        the newest first."""
        listed = self.engine.list_containers(labels={LABEL: exercise})
        found = [self._inspected(str(one["Id"])) for one in listed]
        there = [one for one in found if one]
        return sorted(there, key=created, reverse=True)

    def _inspected(self, container: str) -> dict[str, Any] | None:
        try:
            return self.engine.inspect(container)
        except NotFound:  # it went in between
            return None


def created(container: Mapping[str, Any]) -> tuple[int, int]:
    """When, to be compared: as text it cannot, since dockerd leaves out the zeros at the end and
    Podman writes in its own zone."""
    return moment_of(str(container.get("Created") or ""))


def remove(exercise: str = "") -> int:
    """Remove what was made for ``exercise``, for all of a notebook ("03") or of the course: the
    containers with the label ``course`` whose image is one of the course's or made of one, and the
    images that are called so, ipyc/02-small. How many went."""
    lab = Lab.here(start=False)
    if lab.connection is None:
        return 0
    gone = 0
    for one in lab.connection.list_containers():
        labels = one.get("Labels") or {}
        if LABEL in labels and _is_ours(one) and _is_of(str(labels[LABEL]), exercise):
            gone += _removed(lab.connection, str(one["Id"]))
    for name in lab.connection.list_images():
        made_for = re.match(IMAGE, name)
        if made_for and _is_of(made_for[1], exercise):
            gone += _without(lab.connection, name)
    return gone


def _is_ours(listed: Mapping[str, Any]) -> bool:
    """An image that is built anew loses its name, and a container has its image's labels."""
    return str(listed.get("Image") or "").startswith(OURS) or RECIPE_LABEL in listed["Labels"]


def _is_of(label: str, exercise: str) -> bool:
    return not exercise or label == exercise or label.startswith(f"{exercise}-")


def _removed(connection: Connection, container: str) -> bool:
    try:
        connection.remove(container)
    except ContainerError:  # somebody else did
        return False
    return True


def _without(connection: Connection, image: str) -> bool:
    try:
        connection.daemon.delete("images", image, force="1")
    except ContainerError:  # somebody else did, or a container has it
        return False
    return True


def _tier(connection: Connection) -> str:
    if connection.launcher:
        return PROOT if connection.launcher == "ptrace" else NAMESPACES
    return PODMAN if connection.engine_name == "Podman" else DOCKER
