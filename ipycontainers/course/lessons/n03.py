"""What a container is: its states and its process, its own layer, what stays when it is gone.

Knows: what a container's life looks like on every engine. Does not know: words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ipycontainers.course import evidence
from ipycontainers.course.answer import Answer, almost, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.watchdog.labels import labels

lesson = Lesson("03")
RECOVER: Final = "03-recover"
DATA: Final = "03-data"
TREASURE: Final = "treasure.txt"
ANSWER: Final = "42"
TOOLBOX: Final = "ipyc/toolbox:1"
LIFE: Final = ["created: no process", "running: a process", "exited: no process"]
CHANGES: Final = {"first": ["A /mine", "C /bin", "D /bin/ls"], "second": [], "images": 1}


@lesson.expects("C8")
def has_a_process_only_while_it_runs(lab: Lab, value: Any) -> bool:  # noqa: ARG001
    """On every engine: PRoot too starts nothing before the start."""
    return list(value) == LIFE


@lesson.expects("C7")
def keeps_its_changes_to_itself(lab: Lab, value: Any) -> bool:  # noqa: ARG001
    return bool(value == CHANGES)


@lesson.checks(RECOVER)
def recover(lab: Lab) -> Answer:
    """The file beside the notebook is compared with that in the container, byte by byte."""
    made = lab.made_for(RECOVER)
    if not made:
        return not_started("no-diver")
    wanted = evidence.file(lab, made[0], f"/{TREASURE}")
    if not wanted:
        return keep_working("no-treasure", container=evidence.name(made[0]))
    found = Path(TREASURE)
    if not found.is_file():
        return not_started("no-file")
    with found.open("rb") as file:
        return _compared(file.read(evidence.MOST), wanted)


def _compared(found: bytes, wanted: bytes) -> Answer:
    if found == wanted:
        return correct()
    if not found.strip():
        return keep_working("empty")
    if found[257:262] == b"ustar":
        return almost("archive")
    return almost("blanks") if found.strip() == wanted.strip() else keep_working("other")


@lesson.checks(DATA)
def data(lab: Lab) -> Answer:
    """Whether the newest container found the answer, and whether one that has never seen it
    does so too, by the volume alone."""
    made = lab.made_for(DATA)
    if not made:
        return not_started()
    newest = made[0]
    mounts = newest.get("Mounts") or []
    if not mounts:
        return keep_working("no-volume", container=evidence.name(newest))
    volumes = [str(it.get("Name")) for it in mounts if it.get("Type") == "volume"]
    if not volumes:
        return almost("folder", folder=quoted(str(mounts[0].get("Source"))))
    named = [it for it in volumes if it in _named(newest)]
    if not named:
        return keep_working("anonymous", container=evidence.name(newest))
    return _in_volume(lab, newest, named[0])


def _named(container: Mapping[str, Any]) -> set[str]:
    """The volumes to which somebody has given a name: by -v NAME:/FOLDER or --mount."""
    host = container.get("HostConfig") or {}
    bound = {str(it).partition(":")[0] for it in host.get("Binds") or ()}
    return bound | {str(it.get("Source")) for it in host.get("Mounts") or ()}


def _in_volume(lab: Lab, newest: Mapping[str, Any], volume: str) -> Answer:
    found = _read(lab, volume)
    if found is None:
        return keep_working("no-answer", volume=quoted(volume))
    if ANSWER not in found.decode("utf-8", "replace").split():
        return keep_working("wrong-answer", volume=quoted(volume))
    if ANSWER not in evidence.printed(lab, newest).split():
        return almost("not-found", container=evidence.name(newest), volume=quoted(volume))
    return correct(answer=ANSWER, volume=quoted(volume))


def _read(lab: Lab, volume: str) -> bytes | None:
    """The answer, by a container that is made for this and never started."""
    config = {
        "Image": TOOLBOX,
        "Cmd": ["true"],
        "Labels": labels(),
        "HostConfig": {"Binds": [f"{volume}:/data"]},
    }
    made = lab.engine.create(config)
    try:
        return evidence.file(lab, {"Id": made.id}, "/data/answer")
    finally:
        lab.engine.remove(made.id)
