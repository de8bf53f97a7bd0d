"""The states of a container, how it comes from one to another, and by which of docker's commands.

One table. The engine moves its containers along it, the widget Lifecycle draws it, and dockerd
judges it (``tests/test_lifecycle.py``).

Knows: docker's words. Does not know: any container.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

State = Literal["created", "running", "paused", "restarting", "exited", "removing"]


class Transition(NamedTuple):
    """``command`` is docker's, "" for what happens by itself; ``what`` a sentence's end."""

    source: State
    target: State
    command: str
    what: str


TABLE: tuple[Transition, ...] = (
    Transition("created", "running", "start", "its program starts"),
    Transition("created", "exited", "", "its program cannot be started"),
    Transition("created", "removing", "rm", "it is removed"),
    Transition("running", "paused", "pause", "all its processes stand still"),
    Transition(
        "running", "exited", "stop", "its program is asked to end, ten seconds later killed"
    ),
    Transition("running", "exited", "kill", "its program is killed"),
    Transition("running", "exited", "", "its program ends"),
    Transition("running", "restarting", "", "its program ends, and its restart policy says: again"),
    Transition("paused", "running", "unpause", "its processes go on"),
    Transition("paused", "exited", "stop", "its program is asked to end, ten seconds later killed"),
    Transition("paused", "exited", "kill", "its program is killed"),
    Transition("paused", "restarting", "", "its program is killed, and its policy says: again"),
    Transition("restarting", "running", "", "the pause before the next attempt is over"),
    Transition("restarting", "exited", "stop", "there is no next attempt"),
    Transition("restarting", "exited", "kill", "there is no next attempt"),
    Transition("exited", "running", "start", "its program starts again, on the files that it left"),
    Transition("exited", "removing", "rm", "it is removed, with the files that it wrote"),
)

TRANSITIONS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        state: frozenset(way.target for way in TABLE if way.source == state)
        for state in get_args(State)
    }
)
"""State → where it may go. ``created → exited`` is a program that could not be started."""

COMMANDS = ("start", "pause", "unpause", "restart", "stop", "kill", "rm")
"""Of docker, that lead from one state to another, in the order in which a person meets them."""

RESTARTED = "it is stopped, then started"
STARTED_AGAIN = "it is started: nothing has to be stopped"
FORCED = "its program is killed, then it is removed"
AND_REMOVED = ", and it is removed, since it was made with --rm"
DEAD = "its removal is tried again"


class Command(NamedTuple):
    """What may be done with a container now: ``words`` follow ``docker`` and go before its name."""

    name: str
    words: str
    target: State
    what: str


def commands(state: str, *, auto_remove: bool = False) -> tuple[Command, ...]:
    """Those that lead out of ``state``, or back into it by way of another; none of one that is
    no state of the table, but of "dead", which dockerd calls one that it could not remove.
    ``auto_remove``: an end of its program is its own, as ``docker run --rm`` has it.

    ``restart`` and ``rm --force`` are two steps each, and are found from these.
    """
    if state == "dead":
        return (Command("rm", "rm --force", "removing", DEAD),)
    steps = {way.command: way for way in TABLE if way.source == state and way.command}
    found = {name: Command(name, name, way.target, way.what) for name, way in steps.items()}
    if auto_remove:
        found |= {
            name: it._replace(target="removing", what=it.what + AND_REMOVED)
            for name, it in found.items()
            if it.target == "exited"
        }
    if "stop" in found or "start" in found:
        what = RESTARTED if "stop" in found else STARTED_AGAIN
        found["restart"] = Command("restart", "restart", "running", what)
    if "kill" in found:
        found["rm"] = Command("rm", "rm --force", "removing", FORCED)
    return tuple(found[name] for name in COMMANDS if name in found)
