"""Programs in containers: docker run, create, exec, logs, start -a.

An interrupt ends the program of run and start -a, as docker's does: SIGINT, and for what does not
listen SIGKILL a moment later. logs -f simply ends. A program of exec cannot be ended by any engine.

Knows: the order of requests, what docker prints. Does not know: flags of run (``creation``).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipycontainers import outcome, removal
from ipycontainers.errors import CommandFailed, ContainerError, Refused

from . import creation, transfers
from .console import failed, missing, refusals, told
from .moments import timestamp
from .names import named
from .result import Lines
from .streaming import Following, fed

if TYPE_CHECKING:
    from ipycontainers.client import Attachment, ExitWatch

    from .call import Call
    from .console import Console
    from .creation import Order

GRACE, PATIENCE = 1.0, 1.5  # seconds after SIGINT, after SIGKILL
REMOVAL = 10.0  # seconds that --rm may take
HELP = "\nSee 'docker run --help'."
RUNS_ON = "interrupted; the program runs on in the container, where no engine can end it"


def create(call: Call, console: Console) -> Lines:
    """``docker create IMAGE [COMMAND]``: the new container's id."""
    wanted = creation.order(call, console)
    with refusals():
        return Lines([_create(call, console, wanted)])


def run(call: Call, console: Console) -> Lines | None:
    """``docker run [-d] [--rm] IMAGE [COMMAND]``: the output as it comes, or the id."""
    wanted = creation.order(call, console)
    try:
        container = _create(call, console, wanted)
    except Refused as error:
        raise failed(f"docker: {told(error).removesuffix('.')}.{HELP}", 125) from error
    except CommandFailed as error:  # of the pull
        if error.message.startswith("docker: "):
            raise
        raise failed(f"docker: {error.message.removesuffix('.')}.{HELP}", 125) from error
    if call.has("detach"):
        _start_new(console, container)
        return Lines([container])
    try:
        code = _attached(
            console,
            container,
            lambda: _start_new(console, container),
            tty=wanted.has_terminal,
            stdin=_input(call, console),
        )
    except KeyboardInterrupt:
        if call.has("rm"):  # which the engine does at the end of what has begun
            _aside(lambda: console.daemon.delete("containers", container, force="1", v="1"))
        raise
    if call.has("rm"):
        _gone(console, container)
    _check(code, wanted.image)
    return None


def start_attached(call: Call, console: Console) -> None:
    """``docker start -a CONTAINER``"""
    if len(call.arguments) > 1:
        raise failed("you cannot start and attach multiple containers at once")
    name = call.arguments[0]
    found = _inspected(console, name)

    def begin() -> None:
        with refusals():
            console.daemon.post("containers", found["Id"], "start")

    stdin = _input(call, console)
    code = _attached(console, found["Id"], begin, tty=bool(found["Config"]["Tty"]), stdin=stdin)
    _check(code, name)


def execute(call: Call, console: Console) -> None:
    """``docker exec [-d] [-e] [-u] [-w] CONTAINER COMMAND…``"""
    name, *command = call.arguments
    if call.has("interactive") and call.has("tty") and not call.has("detach"):
        raise creation.no_terminal(1)
    _inspected(console, name)
    stdin = None if call.has("detach") else _input(call, console)
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
    try:
        _show(console, attachment, tty=call.has("tty"), stdin=stdin)
    except KeyboardInterrupt as error:
        raise failed(RUNS_ON, 130) from error
    with refusals():
        code = console.daemon.get("exec", program, "json").get("ExitCode")
    _check(int(code or 0), name)


def logs(call: Call, console: Console) -> None:
    """``docker logs [-f] [-t] [-n LINES] [--since T] [--until T] CONTAINER``"""
    name = call.arguments[0]
    found = _inspected(console, name)
    query: dict[str, Any] = {
        "stdout": "1",
        "stderr": "1",
        "since": _moment(call, "since"),
        "until": _moment(call, "until"),
        "timestamps": "1" if call.has("timestamps") else "",
        "follow": "1" if call.has("follow") else "",
        "details": "1" if call.has("details") else "",
        "tail": call.text("tail"),
    }
    with refusals():
        stream = console.daemon.stream("GET", "containers", found["Id"], "logs", **query)
    pieces = stream.pieces()
    tty = bool(found["Config"]["Tty"])
    try:
        with Following(console, lambda _: next(pieces, b""), stream.close, tty=tty) as following:
            following.all()
    except KeyboardInterrupt:
        if not call.has("follow"):
            raise


def _moment(call: Call, flag: str) -> str:
    try:
        return timestamp(call.text(flag))
    except ValueError as error:
        raise failed(f'invalid value for "{flag}": {error}') from error


def environment(call: Call, console: Console) -> list[str]:
    """-e and --env-file of exec."""
    from ipycontainers.options import paths

    lines = [
        line
        for name in call.texts("env-file")
        for line in paths.key_values(name, console.folder, os.environ)
    ]
    for text in call.texts("env"):
        known = "=" not in text and text in os.environ
        lines.append(f"{text}={os.environ[text]}" if known else text)
    return [line for line in lines if "=" in line]


# --- steps ---------------------------------------------------------------------------------------


def _create(call: Call, console: Console, wanted: Order) -> str:
    """The new container's id; the image is pulled as --pull says. Raises Refused."""
    if wanted.name or wanted.config["HostConfig"].get("PortBindings"):
        # A cell before may have had the same name or port, and be on its way out.
        removal.finish()
    if wanted.pull == "always":
        _pull(console, wanted)
    try:
        made = _created(console, wanted)
    except Refused as error:
        is_missing = error.status == 404 and "no such image" in error.message.lower()
        if wanted.pull != "missing" or not (is_missing or _lacks(console, wanted, error)):
            raise
        console.err(f"Unable to find image '{named(wanted.image)}' locally\n")
        _pull(console, wanted)
        made = _created(console, wanted)
    for warning in made.get("Warnings") or ():
        console.err(f"WARNING: {warning}\n")
    container = str(made["Id"])
    if path := call.text("cidfile"):
        _write_id(console, path, container)
    return container


def _created(console: Console, wanted: Order) -> dict[str, Any]:
    made: dict[str, Any] = console.daemon.post(
        "containers", "create", body=wanted.config, name=wanted.name, platform=wanted.platform
    )
    return made


def _lacks(console: Console, wanted: Order, error: Refused) -> bool:
    """Whether it is the image that the engine did not find: each says it in words of its own."""
    if error.status != 404:
        return False
    try:
        console.daemon.get("images", wanted.image, "json")
    except Refused as refused:
        return refused.status == 404
    return False


def _pull(console: Console, wanted: Order) -> None:
    transfers.fetch(console, named(wanted.image), wanted.platform, console.err)


def _write_id(console: Console, path: str, container: str) -> None:
    file = (console.folder / path).expanduser()
    try:
        with Path(file).open("x") as opened:
            opened.write(container)
    except OSError as error:
        raise failed(f"docker: failed to create the container ID file: {error}.", 125) from error


def _start_new(console: Console, container: str) -> None:
    try:
        console.daemon.post("containers", container, "start")
    except Refused as error:
        raise failed(
            f"docker: {told(error).removesuffix('.')}.", start_code(error.message)
        ) from error


def start_code(message: str) -> int:
    """What docker run exits with where the program cannot be started."""
    lower = message.lower()
    if any(sign in lower for sign in ("executable file not found", "no such file or directory")):
        return 127
    return 126 if "permission denied" in lower or "is a directory" in lower else 125


def _attached(
    console: Console, container: str, begin: Callable[[], None], *, tty: bool, stdin: bytes | None
) -> int:
    """Start it, show what it prints until its end; the exit code."""
    query: dict[str, Any] = {
        "stream": "1",
        "stdout": "1",
        "stderr": "1",
        "stdin": "" if stdin is None else "1",
    }
    try:
        attachment = console.daemon.attach("containers", container, "attach", **query)
    except Refused as error:
        # Podman prepares the program with attach.
        raise failed(f"docker: {told(error)}.", start_code(error.message)) from error
    with attachment, console.connection.watch_exit(container) as watch:
        try:
            begin()
            _show(console, attachment, tty=tty, stdin=stdin)
            return _code(console, container, watch)
        except KeyboardInterrupt:
            _end(console, container, watch)
            raise


def _show(console: Console, attachment: Attachment, *, tty: bool, stdin: bytes | None) -> None:
    if stdin is not None:
        fed(attachment, stdin)
    with Following(console, attachment.read, attachment.close, tty=tty) as following:
        following.all()


def _gone(console: Console, container: str) -> None:
    """Wait until --rm is done, so that the name is free for the next cell. To ask dockerd to wait
    for that may take for ever where it is done already."""
    end = time.monotonic() + REMOVAL
    with contextlib.suppress(Refused):
        while time.monotonic() < end:
            console.daemon.get("containers", container, "json")
            time.sleep(0.02)


def _code(console: Console, container: str, watch: ExitWatch) -> int:
    while (ended := watch.result(0.2)) is None:
        pass
    # The next verb is to find it as one that has ended, and dockerd tells of the end before.
    with contextlib.suppress(Refused):
        console.daemon.post("containers", container, "wait")
    return ended.code


def _end(console: Console, container: str, watch: ExitWatch) -> None:
    """SIGINT, and SIGKILL where that does not help; a second interrupt kills at once."""
    for signal, patience in (("SIGINT", GRACE), ("SIGKILL", PATIENCE)):
        _signal(console, container, signal)
        with contextlib.suppress(KeyboardInterrupt, ContainerError):
            if watch.result(patience) is not None:
                return


def _signal(console: Console, container: str, name: str) -> None:
    _aside(lambda: console.daemon.post("containers", container, "kill", signal=name))


def _aside(ask: Callable[[], object]) -> None:
    """In a thread of its own: an engine may be slow, and a cell that is interrupted ends."""

    def send() -> None:
        with contextlib.suppress(ContainerError):
            ask()

    threading.Thread(target=send, name="ipycontainers-kill", daemon=True).start()


def _inspected(console: Console, name: str) -> dict[str, Any]:
    with missing("container", name):
        found: dict[str, Any] = console.daemon.get("containers", name, "json")
        return found


def _input(call: Call, console: Console) -> bytes | None:
    """What --stdin gives; with -i alone the program reads the end of its input."""
    given = console.given(call)
    return b"" if given is None and call.has("interactive") else given


def _check(code: int, where: str) -> None:
    if code:
        meaning = outcome.explain(code)
        raise failed(f"exit code {code} in {where}" + (f": {meaning}" if meaning else ""), code)
