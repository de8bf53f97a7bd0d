"""How isolated, of processes and kernel: eight doors, root's rights, one door opened on purpose.

Knows: which doors an engine shuts, which rights it gives. Does not know: words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ipycontainers.course.answer import (
    Answer,
    almost,
    best,
    cannot,
    correct,
    keep_working,
)
from ipycontainers.course.lab import DOCKER, NAMESPACES, PODMAN, PROOT, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.namespaces import proc
from ipycontainers.namespaces.compare import CONTAINERS, HOST, MACHINE
from ipycontainers.namespaces.kinds import NAMES
from ipycontainers.widgets.inspection import Inspection

lesson = Lesson("04a")
DOOR: Final = "04a-door"
_DOCKERS: Final = frozenset(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"}
    | {"NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"}
)
# What root has in a container that asks for nothing; our engine gives what Docker gives, within a
# user namespace of its own. Podman's are those of containers.conf(5): Debian's name Docker's, those
# of newer versions three less.
RIGHTS: Final = {
    DOCKER: (_DOCKERS,),
    NAMESPACES: (_DOCKERS,),
    PODMAN: (_DOCKERS, _DOCKERS - {"NET_RAW", "MKNOD", "AUDIT_WRITE"}),
}


@lesson.expects("C9")
def has_the_usual_doors(lab: Lab, doors: tuple[Sequence[str], Sequence[str]]) -> bool:
    """``doors`` are those that are shut and those that are open."""
    shut, opened = map(set, doors)
    # A rootless Podman has one namespace of users for all its containers: not the machine's, and
    # not the container's own.
    ajar = {"user"} if lab.tier == PODMAN else set()
    return opened == set(NAMES) - lab.isolates and lab.isolates - ajar <= shut <= lab.isolates


@lesson.answers("04a-doors")
def shut_or_open(lab: Lab) -> list[int]:
    """Of each of the eight, in the order of the question."""
    return [0 if name in lab.isolates else 1 for name in NAMES]


@lesson.expects("C15")
def has_the_usual_rights(lab: Lab, rights: Sequence[str] | None) -> bool:
    """Capabilities that count. By PRoot a program has those of this one, which started it."""
    if rights is None:
        return False
    usual = RIGHTS.get(lab.tier, ())
    if lab.tier == PROOT:
        usual = (frozenset(proc.own().effective or ()),)
    return frozenset(rights) in usual


@lesson.checks(DOOR)
def door(lab: Lab) -> Answer:
    if lab.tier == PROOT:
        return cannot("all-open")
    return best([_door_of(lab, one) for one in lab.made_for(DOOR)])


def _door_of(lab: Lab, container: Mapping[str, Any]) -> Answer:
    state = container.get("State") or {}
    name = str(container.get("Name") or "").lstrip("/")
    if not state.get("Running"):
        return keep_working("not-running", name=name, status=str(state.get("Status") or "?"))
    (found,) = Inspection(lab.engine).namespaces([str(container["Id"])])["containers"]
    return _judged(lab, found)


def _judged(lab: Lab, found: Mapping[str, Any]) -> Answer:
    """``found`` is of a container that runs, as Namespaces tells."""
    doors, name = found["namespaces"], str(found["name"])
    if unknown := [kind for kind, it in doors.items() if it["own"] is None]:
        why = str(found["not_asked"] or "")
        return cannot("unknown", name=name, doors=" ".join(unknown), why=why)
    if doors["pid"]["shared_with"] == CONTAINERS:
        return keep_working("joined", name=name, other=" ".join(doors["pid"]["others"]))
    opened = {kind for kind, it in doors.items() if it["shared_with"] in (HOST, MACHINE)}
    more = " ".join(kind for kind in NAMES if kind in opened & lab.isolates - {"pid"})
    if "pid" not in opened:
        return keep_working("other" if more else "shut", name=name, doors=more)
    return almost("more", name=name, doors=more) if more else correct(name=name)
