"""Containers and what their programs print: docker run, create, logs, start -a.

An interrupt ends the program of run and start -a, as docker's does: SIGINT, and for what does not
listen SIGKILL a moment later; what it says then is shown. So ends one whose output nobody can take.
With --rm in the foreground a container goes with its kernel too, since nobody else would end it.

Knows: the order of requests, what docker prints. Does not know: flags of run (``creation``).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipycontainers import outcome, removal
from ipycontainers.errors import CommandFailed, ContainerError, NoEngine, Refused

from . import creation, transfers
from .console import failed, missing, refusals, told
from .moments import timestamp
from .names import named
from .result import Lines
from .streaming import Following, fed

if TYPE_CHECKING:
    from ipycontainers.client import Exit, ExitWatch

    from .call import Call
    from .console import Console
    from .creation import Order

GRACE, PATIENCE = 1.0, 1.5  # seconds after SIGINT, after SIGKILL
REMOVAL = 10.0  # seconds that --rm may take
HELP = "\nSee 'docker run --help'."
BROKE = "the connection to the engine broke, so output may be missing"


def create(call: Call, console: Console) -> Lines:
    """``docker create IMAGE [COMMAND]``: the new container's id."""
    wanted = creation.order(call, console)
    with refusals():
        return Lines([_create(call, console, wanted)])


def run(call: Call, console: Console) -> Lines | None:
    """``docker run [-d] [--rm] IMAGE [COMMAND]``: the output as it comes, or the id."""
    wanted = creation.order(call, console)
    if call.has("rm") and not call.has("detach"):
        wanted.config["Labels"] = {**wanted.config.get("Labels", {}), **console.labels}
    try:
        container = _create(call, console, wanted)
    except Refused as error:
        raise _not_created(told(error)) from error
    except CommandFailed as error:  # of the pull, or of --cidfile
        raise _not_created(error.message) from error
    if call.has("detach"):
        try:
            _start_new(console, container)
        except CommandFailed:
            console.out(f"{container}\n")  # it is there, and can be looked at
            raise
        return Lines([container])
    _foreground(call, console, wanted, container)
    return None


def _foreground(call: Call, console: Console, wanted: Order, container: str) -> None:
    try:
        last = _attached(
            console,
            container,
            lambda: _start_new(console, container),
            streams=wanted.streams,
            tty=wanted.has_terminal,
            stdin=given(call, console),
        )
    except KeyboardInterrupt:
        if call.has("rm"):  # which the engine does at the end of what has begun
            _aside(lambda: console.daemon.delete("containers", container, force="1", v="1"))
        raise
    except CommandFailed:
        if call.has("rm"):
            with contextlib.suppress(Refused):  # the engine may be at it
                console.daemon.delete("containers", container, force="1", v="1")
            _gone(console, container)
        raise
    if call.has("rm"):
        _gone(console, container)
    check(last.code, wanted.image, last.oom_killed)


def start_attached(call: Call, console: Console) -> None:
    """``docker start -a CONTAINER``"""
    if len(call.arguments) > 1:
        raise failed("you cannot start and attach multiple containers at once")
    name = call.arguments[0]
    found = inspected(console, name)

    def begin() -> None:
        with refusals():
            console.daemon.post("containers", found["Id"], "start")

    stdin = given(call, console)
    last = _attached(console, found["Id"], begin, tty=bool(found["Config"]["Tty"]), stdin=stdin)
    check(last.code, name, last.oom_killed)


def logs(call: Call, console: Console) -> None:
    """``docker logs [-f] [-t] [-n LINES] [--since T] [--until T] CONTAINER``"""
    name = call.arguments[0]
    found = inspected(console, name)
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
    with Following(console, lambda _: next(pieces, b""), stream.close, tty=tty) as following:
        following.all()
    if following.broke:
        raise NoEngine(BROKE, "run it again")


def _moment(call: Call, flag: str) -> str:
    try:
        return timestamp(call.text(flag))
    except ValueError as error:
        raise failed(f'invalid value for "{flag}": {error}') from error


# --- steps ---------------------------------------------------------------------------------------


def _create(call: Call, console: Console, wanted: Order) -> str:
    """The new container's id; the image is pulled as --pull says. Raises Refused."""
    if wanted.name or wanted.config["HostConfig"].get("PortBindings"):
        # A cell before may have had the same name or port, and be on its way out.
        removal.finish()
    with _id_file(console, call.text("cidfile")) as write:
        if wanted.pull == "always":
            _pull(console, wanted)
        made = _made(console, wanted)
        write(str(made["Id"]))
    for warning in made.get("Warnings") or ():
        console.err(f"WARNING: {warning}\n")
    return str(made["Id"])


def _made(console: Console, wanted: Order) -> dict[str, Any]:
    """The engine's answer; where it has no such image that is pulled, if --pull says so."""
    try:
        return _created(console, wanted)
    except Refused as error:
        is_missing = error.status == 404 and "no such image" in error.message.lower()
        if wanted.pull != "missing" or not (is_missing or _lacks(console, wanted, error)):
            raise
    console.err(f"Unable to find image '{named(wanted.image)}' locally\n")
    _pull(console, wanted)
    return _created(console, wanted)


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


@contextlib.contextmanager
def _id_file(console: Console, name: str) -> Iterator[Callable[[str], object]]:
    """--cidfile, made before the container as docker does: where it cannot be, nothing is made."""
    if not name:
        yield lambda _: None
        return
    path = (console.folder / name).expanduser()
    try:
        opened = path.open("x")
    except FileExistsError as error:
        other = "make sure the other container isn't running or delete"
        raise failed(f"container ID file found, {other} {name}") from error
    except OSError as error:
        reason = f"open {name}: {(error.strerror or '').lower()}"
        raise failed(f"failed to create the container ID file: {reason}") from error
    with opened:
        try:
            yield opened.write
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _start_new(console: Console, container: str) -> None:
    try:
        console.daemon.post("containers", container, "start")
    except Refused as error:
        raise failed(
            f"docker: {told(error).removesuffix('.')}.", start_code(error.message)
        ) from error


def _not_created(message: str) -> CommandFailed:
    return failed(f"docker: {message.removesuffix('.')}.{HELP}", start_code(message))


def start_code(message: str) -> int:
    """What docker run exits with where the program cannot be started."""
    lower = message.lower()
    if any(sign in lower for sign in ("executable file not found", "no such file or directory")):
        return 127
    return 126 if "permission denied" in lower or "is a directory" in lower else 125


def _attached(
    console: Console,
    container: str,
    begin: Callable[[], None],
    *,
    streams: Collection[str] = creation.STREAMS,
    tty: bool,
    stdin: bytes | None,
) -> Exit:
    """Start it, show what it prints until its end; how it ended."""
    given = {"stdin"} if stdin is not None else set[str]()
    query: dict[str, Any] = {"stream": "1", **dict.fromkeys({*streams, *given}, "1")}
    try:
        attachment = console.daemon.attach("containers", container, "attach", **query)
    except Refused as error:
        # Podman prepares the program with attach.
        raise failed(f"docker: {told(error)}.", start_code(error.message)) from error
    with (
        attachment,
        console.connection.watch_exit(container) as watch,
        Following(_only(console, streams), attachment.read, attachment.close, tty=tty) as output,
    ):
        has_begun = False
        try:
            begin()
            has_begun = True
            if stdin is not None:
                fed(attachment, stdin)
            output.all()
            last = ended(console, container, watch)
        except (KeyboardInterrupt, CommandFailed) as error:
            if has_begun or isinstance(error, KeyboardInterrupt):
                _end(console, container, output, watch)
            raise
    if output.broke or watch.broke:
        hint = "without --rm, docker logs has all of it"
        raise NoEngine(f"{BROKE}; it ended with exit code {last.code}", hint)
    return last


def _gone(console: Console, container: str) -> None:
    """Wait until --rm is done, so that the name is free for the next cell. To ask dockerd to wait
    for that may take for ever where it is done already."""
    end = time.monotonic() + REMOVAL
    with contextlib.suppress(Refused):
        while time.monotonic() < end:
            console.daemon.get("containers", container, "json")
            time.sleep(0.02)


def _only(console: Console, streams: Collection[str]) -> Console:
    """Podman sends both streams, whatever it is asked for."""
    out = console.out if "stdout" in streams else _nowhere
    return replace(console, out=out, err=console.err if "stderr" in streams else _nowhere)


def _nowhere(_: str) -> None:
    """What -a leaves out."""


def ended(console: Console, container: str, watch: ExitWatch) -> Exit:
    """How it ended, once it has."""
    while (last := watch.result(0.2)) is None:
        pass
    # The next verb is to find it as one that has ended, and dockerd tells of the end before. What
    # is started again is not waited for: its next end may be hours away.
    with contextlib.suppress(Refused):
        found = console.daemon.get("containers", container, "json")
        if (found["HostConfig"].get("RestartPolicy") or {}).get("Name") in (None, "", "no"):
            console.daemon.post("containers", container, "wait")
    return last


def _end(console: Console, container: str, output: Following, watch: ExitWatch) -> None:
    """SIGINT, and SIGKILL where that does not help; a second interrupt kills at once."""
    for signal, patience in (("SIGINT", GRACE), ("SIGKILL", PATIENCE)):
        end = time.monotonic() + patience
        signalled(console, container, signal)
        with contextlib.suppress(KeyboardInterrupt, ContainerError):
            if output.all(patience) and watch.result(max(0.0, end - time.monotonic())) is not None:
                return


def signalled(console: Console, container: str, name: str) -> None:
    """Sends it a signal, and does not wait for the engine."""
    _aside(lambda: console.daemon.post("containers", container, "kill", signal=name))


def _aside(ask: Callable[[], object]) -> None:
    """In a thread of its own: an engine may be slow, and a cell that is interrupted ends."""

    def send() -> None:
        with contextlib.suppress(ContainerError):
            ask()

    threading.Thread(target=send, name="ipycontainers-kill", daemon=True).start()


def inspected(console: Console, name: str) -> dict[str, Any]:
    with missing("container", name):
        found: dict[str, Any] = console.daemon.get("containers", name, "json")
        return found


def given(call: Call, console: Console) -> bytes | None:
    """What --stdin gives; with -i alone the program reads the end of its input."""
    given = console.given(call)
    return b"" if given is None and call.has("interactive") else given


def check(code: int, where: str, oom_killed: bool = False) -> None:
    if code:
        meaning = outcome.explain(code, oom_killed=oom_killed)
        raise failed(f"exit code {code} in {where}" + (f": {meaning}" if meaning else ""), code)
