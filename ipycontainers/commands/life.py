"""A container's life: docker start, stop, restart, kill, pause, unpause, rm, rename, wait, update.

Each does what it can to all the containers that are named, tells their names as docker does, and
fails at last with the daemon's words for those that it could not.

Knows: the requests, what docker prints of them. Does not know: notebooks.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import CommandFailed, Refused
from ipycontainers.inbox import Inbox
from ipycontainers.options import values

from .console import failed, missing, refusals
from .result import Lines
from .streaming import WAIT

if TYPE_CHECKING:
    from .call import Call
    from .console import Console

Act = Callable[[str], None]
LANES = 8  # requests at once; sshd takes ten on one connection


def start(call: Call, console: Console) -> Lines | None:
    """``docker start CONTAINER…``; with -a the output comes until it ends."""
    if call.has("attach") or call.has("interactive"):
        from . import running

        running.start_attached(call, console)
        return None
    done: list[str] = []
    refused: list[str] = []
    for name in call.arguments:
        error = attempted(lambda name: _post(console, name, "start"), name)
        if error:
            console.err(f"{error.message}\n")
        (refused if error else done).append(name)
    if not refused:
        return Lines(done)
    console.out("".join(f"{name}\n" for name in done))
    raise failed(f"Error: failed to start containers: {', '.join(refused)}")


def stop(call: Call, console: Console) -> Lines:
    """``docker stop [-t SECONDS] CONTAINER…``"""
    return each(
        call, console, lambda name: _post(console, name, "stop", **_seconds(call)), together=True
    )


def restart(call: Call, console: Console) -> Lines:
    """``docker restart [-t SECONDS] CONTAINER…``"""
    return each(call, console, lambda name: _post(console, name, "restart", **_seconds(call)))


def kill(call: Call, console: Console) -> Lines:
    """``docker kill [-s SIGNAL] CONTAINER…``"""
    signal = call.text("signal")
    return each(
        call, console, lambda name: _post(console, name, "kill", signal=signal), together=True
    )


def pause(call: Call, console: Console) -> Lines:
    """``docker pause CONTAINER…``"""
    return each(call, console, lambda name: _post(console, name, "pause"), together=True)


def unpause(call: Call, console: Console) -> Lines:
    """``docker unpause CONTAINER…``"""
    return each(call, console, lambda name: _post(console, name, "unpause"), together=True)


def remove(call: Call, console: Console) -> Lines:
    """``docker rm [-f] [-v] [-l] CONTAINER…``"""
    switches = {"force": "force", "volumes": "v", "link": "link"}
    query = {key: "1" for flag, key in switches.items() if call.has(flag)}

    def one(name: str) -> None:
        bare = name.strip("/")
        if not bare:
            raise failed("Container name cannot be empty")
        with missing("container", bare):
            console.daemon.delete("containers", bare, **query)

    done, wrong = Lines(), list[CommandFailed]()
    try:
        for name, error in zip(call.arguments, at_once(one, call.arguments), strict=True):
            if error:
                wrong.append(error)
            else:
                done.append(name)
    except BaseException:
        console.out(done.text)
        raise
    return forgiven(call, console, done, wrong)


def forgiven(call: Call, console: Console, done: Lines, wrong: Sequence[CommandFailed]) -> Lines:
    """What was done; with -f it is no failure that there was nothing of that name."""
    if not wrong:
        return done
    text = "\n".join(error.message for error in wrong)
    if call.has("force") and all(map(_is_missing, wrong)):
        console.err(f"{text}\n")
        return done
    console.out(done.text)
    raise failed(text)


def _is_missing(error: CommandFailed) -> bool:
    return isinstance(error.__cause__, Refused) and error.__cause__.status == 404


def rename(call: Call, console: Console) -> None:
    """``docker rename CONTAINER NEW_NAME``, which prints nothing."""
    old, new = (word.strip() for word in call.arguments)
    if not old or not new:
        raise failed("Error: Neither old nor new names may be empty")
    try:
        _post(console, old, "rename", name=new)
    except CommandFailed as error:
        console.err(f"{error.message}\n")
        raise failed(f"Error: failed to rename container named {old}") from error


def wait(call: Call, console: Console) -> Lines:
    """``docker wait CONTAINER…``: exit codes, one line each."""
    codes: list[str] = []

    def one(name: str) -> None:
        with refusals():
            answer = console.daemon.post("containers", name, "wait")
        if trouble := (answer.get("Error") or {}).get("Message"):
            raise failed(str(trouble))
        codes.append(str(answer["StatusCode"]))

    return each(call, console, one, told=lambda _: codes[-1])


# docker update's flags: the key of the body, and how the text is read.
LIMITS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "blkio-weight": ("BlkioWeight", values.integer),
    "cpu-period": ("CpuPeriod", values.integer),
    "cpu-quota": ("CpuQuota", values.integer),
    "cpu-rt-period": ("CpuRealtimePeriod", values.integer),
    "cpu-rt-runtime": ("CpuRealtimeRuntime", values.integer),
    "cpu-shares": ("CpuShares", values.integer),
    "cpus": ("NanoCpus", values.nano_cpus),
    "cpuset-cpus": ("CpusetCpus", values.text),
    "cpuset-mems": ("CpusetMems", values.text),
    "kernel-memory": ("KernelMemory", values.size),
    "memory": ("Memory", values.size),
    "memory-reservation": ("MemoryReservation", values.size),
    "memory-swap": ("MemorySwap", values.swap),
    "pids-limit": ("PidsLimit", values.integer),
}


def restart_policy(text: str) -> dict[str, object]:
    """``on-failure:3`` as the API has it. Raises ValueError in docker's words."""
    name, _, count = text.partition(":")
    if count and not count.isdigit():
        raise ValueError("maximum retry count must be an integer")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def update(call: Call, console: Console) -> Lines:
    """``docker update --memory … CONTAINER…``"""
    body: dict[str, Any] = {
        key: read_value(call, flag, read)
        for flag, (key, read) in LIMITS.items()
        if call.is_given(flag)
    }
    if call.is_given("restart"):
        try:
            body["RestartPolicy"] = restart_policy(call.text("restart"))
        except ValueError as error:
            raise failed(str(error)) from error
    if not body:
        raise failed("you must provide one or more flags when using this command")
    warned: list[str] = []

    def one(name: str) -> None:
        with refusals():
            answer = console.daemon.post("containers", name, "update", body=body)
        warned.extend(map(str, (answer or {}).get("Warnings") or ()))

    return Lines([*each(call, console, one), *warned])


def read_value(call: Call, flag: str, read: Callable[[str], Any]) -> Any:
    """A flag's text as the API has it. Raises CommandFailed as docker tells a wrong one."""
    text = call.text(flag)
    try:
        return read(text)
    except ValueError as error:
        raise wrong_value(call, flag, text, error) from error


def wrong_value(call: Call, flag: str, text: str, error: ValueError) -> CommandFailed:
    """docker's words for a value that is none, with its reason where it is known here."""
    given = next(one for one in call.verb.flags if one.name == flag)
    reasons = {
        "bytes": f"invalid size: '{text}'",
        "decimal": f"failed to parse {text} as a rational number",
    }
    reason = reasons.get(given.type, str(error))
    names = ", ".join(given.names)
    see = f"See 'docker {call.typed} --help'."
    return failed(f'invalid argument "{text}" for "{names}" flag: {reason}\n{see}', 125)


def _post(console: Console, container: str, verb: str, **query: Any) -> None:
    with refusals():
        console.daemon.post("containers", container, verb, **query)


def _seconds(call: Call) -> dict[str, str]:
    return {"t": str(call.number("time"))} if call.is_given("time") else {}


def attempted(act: Act, name: str) -> CommandFailed | None:
    """Do it; why it failed, if it did."""
    try:
        act(name)
    except CommandFailed as error:
        return error
    return None


def each(
    call: Call,
    console: Console,
    act: Act,
    told: Callable[[str], str] = str,
    *,
    together: bool = False,
) -> Lines:
    """``act`` on all that are named, one after the other or ``together``, as docker does it; the
    lines that tell of it. What fails is told at the end."""
    done, refused = Lines(), list[str]()
    names = call.arguments
    errors = at_once(act, names) if together else (attempted(act, name) for name in names)
    try:
        for name, error in zip(names, errors, strict=True):
            if error:
                refused.append(error.message)
            else:
                done.append(told(name))
    except BaseException:
        console.out(done.text)
        raise
    if refused:
        console.out(done.text)
        raise failed("\n".join(refused))
    return done


def at_once(act: Act, names: Sequence[str]) -> Iterator[CommandFailed | None]:
    """``act`` on all names at the same time; why each failed, if it did, in the order of names.

    Raises what else goes wrong with one. Who stops listening begins no more of them.
    """
    waiting = deque(enumerate(names))
    told: Inbox[tuple[int, Exception | None]] = Inbox(len(names))
    for number in range(min(LANES, len(names))):
        name = f"ipycontainers-verb-{number}"
        threading.Thread(target=_take, args=(act, waiting, told), name=name, daemon=True).start()
    known: dict[int, Exception | None] = {}
    try:
        for at in range(len(names)):
            while at not in known:
                with contextlib.suppress(queue.Empty):
                    number, outcome = told.get(timeout=WAIT)
                    known[number] = outcome
            error = known[at]
            if error is None or isinstance(error, CommandFailed):
                yield error
            else:
                raise error
    finally:
        waiting.clear()


def _take(
    act: Act, waiting: deque[tuple[int, str]], told: Inbox[tuple[int, Exception | None]]
) -> None:
    while True:
        try:
            at, name = waiting.popleft()
        except IndexError:
            return
        error: Exception | None = None
        try:
            act(name)
        except Exception as raised:  # noqa: BLE001  # the thread of the cell raises it
            error = raised
        told.put((at, error), lambda: False)
