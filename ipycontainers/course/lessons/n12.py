"""Day-to-day running: lists, logs, exec, published ports, and what prune takes.

Knows: on which addresses each kind of engine publishes. Does not know: words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from ipycontainers.course.answer import Answer, almost, best, correct, keep_working, not_started
from ipycontainers.course.evidence import quoted
from ipycontainers.course.lab import DOCKER, PODMAN, Lab
from ipycontainers.course.lesson import Lesson
from ipycontainers.course.progress import Progress
from ipycontainers.errors import NotFound

lesson = Lesson("12")

TOOLBOX = "ipyc/toolbox:1"
SIGNALS = 128  # an exit code above it is a signal's
LONGEST = 200  # characters of what an engine or a learner said
HERE_ONLY, EVERYWHERE = 0, 1  # choices of 12-who


@lesson.expects("12-list")
def listed(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """Not among those that run, but among all."""
    return list(value) == [0, 1]


@lesson.expects("12-exec")
def changed(lab: Lab, value: Any) -> bool:  # noqa: ARG001  # so on all
    """Seen in the same container, and not in a new one."""
    return list(value) == [True, False]


@lesson.answers("12-who")
def who(lab: Lab) -> int:
    """Our own engine publishes on 127.0.0.1 unless another address is named."""
    return EVERYWHERE if lab.tier in {DOCKER, PODMAN} else HERE_ONLY


@lesson.expects("12-who")
def published(lab: Lab, value: Any) -> bool:
    """``value`` are lines of docker port: ADDRESS:PORT."""
    addresses = {str(line).rpartition(":")[0] for line in value}
    if who(lab) == EVERYWHERE:
        return "0.0.0.0" in addresses  # it is looked for, not bound
    return addresses == {"127.0.0.1"}


@lesson.checks("12-stay")
def stay(lab: Lab) -> Answer:
    return best([_stays(lab, one) for one in lab.made_for("12-stay")])


def _stays(lab: Lab, container: dict[str, Any]) -> Answer:
    state = container["State"]
    if state["Status"] == "paused":
        return almost("paused")
    if count := int(container.get("RestartCount") or 0):
        return keep_working("restarts", count=count)
    if state["Running"]:
        called = str(container["Config"].get("Image") or "")
        return correct() if _is_toolbox(lab, container) else almost("other", called=quoted(called))
    if error := str(state.get("Error") or "")[:LONGEST]:
        return keep_working("no-program", error=error)
    if state["Status"] == "created":
        return keep_working("created")
    code = int(state["ExitCode"])
    return keep_working("killed" if code > SIGNALS else "ended", code=code)


def _is_toolbox(lab: Lab, container: dict[str, Any]) -> bool:
    """By its name, which may mean another image since, or as the image that the name means now."""
    if container["Config"].get("Image") == TOOLBOX:
        return True
    with contextlib.suppress(NotFound):
        wanted = str(lab.engine.inspect_image(TOOLBOX)["Id"])
        return str(container["Image"]).removeprefix("sha256:") == wanted.removeprefix("sha256:")
    return False


@lesson.checks("12-port")
def port(lab: Lab) -> Answer:
    """The number that was given, beside those that the engine has chosen."""
    given = Progress.here().of("answers").get("12-port")
    if given is None:
        return not_started()
    servers = lab.made_for("12-port")
    ports = {one for container in servers for one in _ports(container)}
    if not ports:
        return keep_working("no-server")
    told = str(given).rpartition(":")[2].removesuffix("/tcp").strip()
    if not told.isdecimal():
        return keep_working("no-number", given=str(given)[:LONGEST])
    if told in ports:
        return correct()
    inner = {one for container in servers for one in _inner(container)}
    return keep_working("inner" if told in inner else "other", given=told[:LONGEST])


def _ports(container: dict[str, Any]) -> Iterable[str]:
    """Of the machine, as long as it runs."""
    if not container["State"]["Running"]:
        return []
    found = container["NetworkSettings"].get("Ports") or {}
    return [str(one["HostPort"]) for ports in found.values() for one in ports or ()]


def _inner(container: dict[str, Any]) -> Iterable[str]:
    """In the container: those that are published, and those that its image names."""
    return [str(one).partition("/")[0] for one in container["NetworkSettings"].get("Ports") or {}]


@lesson.checks("12-prune")
def prune(lab: Lab) -> Answer:
    """Two that have ended were meant, and there were one more and one that runs."""
    meant, kept = lab.made_for("12-prune"), lab.made_for("12-keep")
    ended = [one for one in meant if not one["State"]["Running"]]
    if not meant and not kept:
        return not_started()
    if not kept:
        return keep_working("too-much")
    if len(ended) == len(meant):
        return keep_working("runner")
    if len(ended) > 1:
        return not_started("untouched")
    return almost("left", left=len(ended)) if ended else correct()
