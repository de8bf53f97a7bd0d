"""docker attach: what a program that runs prints from now on, until it ends.

An interrupt goes to the program too, as docker's does, but for ``--sig-proxy=false``; the cell ends
whatever the program makes of it.

Knows: the order of requests, docker's words. Does not know: how a program is started (``running``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ipycontainers.errors import NoEngine

from .console import failed, refusals
from .running import BROKE, check, ended, inspected, signalled
from .streaming import Following, fed

if TYPE_CHECKING:
    from .call import Call
    from .console import Console


def attach(call: Call, console: Console) -> None:
    """``docker attach [--no-stdin] [--sig-proxy=false] CONTAINER``"""
    name = call.arguments[0]
    found = inspected(console, name)
    container, state = found["Id"], found["State"]
    for holds, what in (
        (not state.get("Running"), "stopped container, start it first"),
        (state.get("Paused"), "paused container, unpause it first"),
        (state.get("Restarting"), "restarting container, wait until it is running"),
    ):
        if holds:
            raise failed(f"You cannot attach to a {what}")
    stdin = None if call.has("no-stdin") else console.given(call)
    streams = ("stream", "stdout", "stderr", *(() if stdin is None else ("stdin",)))
    query: dict[str, Any] = dict.fromkeys(streams, "1")
    with refusals():
        attachment = console.daemon.attach("containers", container, "attach", **query)
    tty = bool(found["Config"]["Tty"])
    with (
        attachment,
        console.connection.watch_exit(container) as watch,
        Following(console, attachment.read, attachment.close, tty=tty) as output,
    ):
        try:
            if stdin is not None:
                fed(attachment, stdin)
            output.all()
            last = ended(console, container, watch)
        except KeyboardInterrupt:
            if call.has("sig-proxy"):
                signalled(console, container, "SIGINT")
            raise
    if output.broke or watch.broke:
        raise NoEngine(BROKE, "docker logs has all of it")
    check(last.code, name, last.oom_killed)
