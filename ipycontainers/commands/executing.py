"""docker exec: a program beside a container's own, which no engine can end (moby#35703).

Knows: the requests, what docker prints. Does not know: the container's own program.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import NoEngine

from . import creation
from .console import failed, refusals
from .life import wrong_value
from .objections import unreadable
from .running import BROKE, check, given, inspected
from .streaming import Following, fed

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

CUT = 2.0  # seconds that a program may seem to run when its streams have ended
RUNS_ON = "interrupted; the program runs on in the container, where no engine can end it"
MAY_RUN = "the program may run on in the container"


def execute(call: Call, console: Console) -> None:
    """``docker exec [-d] [-e] [-u] [-w] CONTAINER COMMAND…``"""
    name, *command = call.arguments
    if call.has("interactive") and call.has("tty") and not call.has("detach"):
        raise creation.no_terminal()
    inspected(console, name)
    stdin = None if call.has("detach") else given(call, console)
    body: dict[str, Any] = {
        "User": call.text("user"),
        "Privileged": call.has("privileged"),
        "Tty": call.has("tty"),
        "AttachStdin": stdin is not None,
        "AttachStdout": not call.has("detach"),
        "AttachStderr": not call.has("detach"),
        "Detach": call.has("detach"),
        "Env": environment(call, console),
        "WorkingDir": call.text("workdir"),
        "Cmd": command,
    }
    with refusals():
        program = console.daemon.post("containers", name, "exec", body=body)["Id"]
        begin = {"Detach": call.has("detach"), "Tty": call.has("tty")}
        if call.has("detach"):
            console.daemon.post("exec", program, "start", body=begin)
            return
        attachment = console.daemon.attach("exec", program, "start", body=begin)
    if stdin is not None:
        fed(attachment, stdin)
    try:
        with Following(console, attachment.read, attachment.close, tty=call.has("tty")) as output:
            output.all()
    except KeyboardInterrupt as error:
        raise failed(RUNS_ON, 130) from error
    if output.broke:
        raise NoEngine(BROKE, MAY_RUN)
    check(_code(console, program), name)


def environment(call: Call, console: Console) -> list[str]:
    """-e and --env-file of exec; a bare name, which has no value here, is taken away there."""
    from ipycontainers.options import paths

    lines: list[str] = []
    for name in call.texts("env-file"):
        if reason := unreadable(name, console.folder):
            raise failed(reason)
        found = paths.key_values(name, console.folder, os.environ)
        lines += [line for line in found if "=" in line]
    for text in call.texts("env"):
        if text.startswith("="):
            raise wrong_value(
                call, "env", text, ValueError(f"invalid environment variable: {text}")
            )
        known = "=" not in text and text in os.environ
        lines.append(f"{text}={os.environ[text]}" if known else text)
    return lines


def _code(console: Console, program: str) -> int:
    """Raises NoEngine where it runs on: then its streams were cut, and did not end."""
    end = time.monotonic() + CUT
    while True:
        with refusals():
            told = console.daemon.get("exec", program, "json")
        if not told.get("Running"):
            return int(told.get("ExitCode") or 0)
        if time.monotonic() > end:
            raise NoEngine(BROKE, MAY_RUN)
        time.sleep(0.05)
