"""Start a command, and know whether the container's program really began.

Knows: fork, descriptors, what launchers leave in /proc. Does not know: containers, clients.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
import time
from contextlib import ExitStack, suppress
from typing import NamedTuple

from ipycontainers.engine import seccomp, syscalls
from ipycontainers.engine.command import STATUS, Command
from ipycontainers.errors import ContainerError

from . import entering, proc, tracing
from .control import parse
from .failure import NOT_EXECUTABLE, REFUSED, StartError, of_errno, of_words

_BEGIN_WITHIN = 20.0  # seconds; a launcher takes 5 ms, on a busy machine a hundred times that
_ABOVE = 20  # descriptors are moved here before they are given their numbers
_DEFAULT = int(signal.SIG_DFL)
_RESET = (signal.SIGPIPE, signal.SIGINT, signal.SIGCHLD, signal.SIGXFSZ)


class Streams(NamedTuple):
    """A program's descriptors, to be closed here once it has them."""

    stdin: int
    stdout: int
    stderr: int


class Started(NamedTuple):
    """``monitor`` is our child, whose end is the end; ``program`` gets the signals.

    ``early`` is what was read of its standard error on the way. ``status`` is to be closed
    after the end and not before: bwrap still reports there. ``handle`` is a pidfd of a
    ``program`` that is no child of ours; -1 where the kernel has none or it was never seen,
    since it had ended before (``program`` is 0 then).
    """

    monitor: int
    program: int
    status: int
    early: bytes = b""
    handle: int = -1


def start(command: Command, streams: Streams, said: int) -> Started:
    """Start ``command``; return when its program runs (or has ended already).

    ``said`` is the reading end of its standard error: when the program never began, the
    launcher's reason is read from there. ``StartError`` then; nothing is left to reap.
    """
    if command.cannot_run:
        raise of_errno(command.asked, command.cannot_run)
    status, status_write = os.pipe()
    with ExitStack() as undone, ExitStack() as over:
        undone.callback(os.close, status)
        writes = over.enter_context(ExitStack())
        writes.callback(os.close, status_write)
        numbers = {0: streams.stdin, 1: streams.stdout, 2: streams.stderr}
        for number, content in command.descriptors.items():
            numbers[number] = _file(content)
            over.callback(os.close, numbers[number])
        if command.enter or command.program == "reported":
            numbers[STATUS] = status_write
        if _is_plain(command, streams):
            pid, is_seized = _spawn(command, numbers), False
            writes.close()
        else:
            pid, is_seized = _fork(command, numbers, status, writes)
        os.set_blocking(status, False)
        started = _await(command, Started(pid, 0, status), said, is_seized=is_seized)
        undone.pop_all()
        return started


def _is_plain(command: Command, streams: Streams) -> bool:
    """Whether nothing has to be done between fork and execve: the launcher does it itself."""
    needs_more = any((command.cgroup, command.ulimits, command.oom_score, command.joins))
    return command.program == "reported" and not needs_more and not os.isatty(streams.stdin)


def _spawn(command: Command, numbers: dict[int, int]) -> int:
    """As ``_fork``, in a fifth of the time: no page of this process has to be copied."""
    moved = {to: fcntl.fcntl(it, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for to, it in numbers.items()}
    try:
        return os.posix_spawn(
            command.argv[0],
            command.argv,
            command.env,
            file_actions=[(os.POSIX_SPAWN_DUP2, it, to) for to, it in moved.items()],
            setsid=True,
            setsigdef=_RESET,
        )
    except OSError as err:
        raise _not_launched(command, err.errno or 0) from err
    finally:
        for descriptor in moved.values():
            os.close(descriptor)


def _fork(
    command: Command, numbers: dict[int, int], status: int, writes: ExitStack
) -> tuple[int, bool]:
    """The new process, once it has become ``command``, and whether it is traced. What is in
    ``writes`` is closed as soon as the process has it."""
    with ExitStack() as over:
        failure, failure_write = os.pipe()
        over.callback(os.close, failure)
        writes.callback(os.close, failure_write)
        go, go_write = os.pipe()
        writes.callback(os.close, go)
        writes.callback(os.close, go_write)
        pid = os.fork()
        if pid == 0:
            _become(command, numbers, failure_write, go)  # never returns
        is_seized = command.program == "child" and tracing.seize(pid)
        os.write(go_write, b"+")
        writes.close()
        pid = _sibling(pid, status) if command.enter else pid
        _raise_failure(command, failure, pid)
    return pid, is_seized


def _file(content: bytes) -> int:
    descriptor = os.memfd_create("words")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


# --- in the child, between fork and execve ---------------------------------------------------


def _become(command: Command, numbers: dict[int, int], failure: int, go: int) -> None:
    try:
        failure, go = (fcntl.fcntl(it, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for it in (failure, go))
        for number in _RESET:
            syscalls.handle(number, _DEFAULT)
        _join_group(command)
        entering.join(command.joins)
        if command.joins and command.capabilities:
            # bwrap, which is root there, needs all that it hands on to nobody, and bounds nobody.
            syscalls.inherit_capabilities()
            syscalls.bound_capabilities(command.capabilities[True])
        os.setsid()
        moved = {to: fcntl.fcntl(it, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for to, it in numbers.items()}
        for to, it in moved.items():
            os.dup2(it, to, inheritable=True)
        if os.isatty(0) and not command.enter:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        # PRoot takes SIGQUIT for an order to kill all that it traces; without it, they are free.
        syscalls.die_with_parent(signal.SIGQUIT if command.is_tracer else signal.SIGKILL)
        env = dict(command.env)
        program = b""
        if command.enter:
            user = entering.enter(command)
            env.setdefault("HOME", user.home)
            program = command.filter[user.uid == 0]
        elif command.cwd:
            os.chdir(command.cwd)
        if command.is_tracer:
            _guard(command)
        if program:
            syscalls.load_filter(program)
        _limit(command)
        os.read(go, 1)  # not before it is traced, where it is to be
        os.execvpe(command.argv[0], list(command.argv), env)
    except (OSError, ContainerError, StartError) as err:
        words = str(err.errno) if isinstance(err, OSError) else str(err)
        with suppress(OSError):
            os.write(failure, words.encode())
    finally:
        os._exit(REFUSED)


def _join_group(command: Command) -> None:
    """From here on, with all that it starts. What has to be done in the host's files."""
    if command.cgroup:
        _put(f"{command.cgroup}/cgroup.procs", b"0")
    if command.oom_score:
        _put("/proc/self/oom_score_adj", b"%d" % command.oom_score)
    if command.ulimits:
        # For _limit, which is in another root then; and no supervisor needs it.
        import resource  # noqa: F401


def _limit(command: Command) -> None:
    """At last, since few open files may be too few for what comes before."""
    for kind, soft, hard in command.ulimits:
        sys.modules["resource"].setrlimit(kind, (soft, hard))


def _put(path: str, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY)
    os.write(handle, content)
    os.close(handle)


def _guard(command: Command) -> None:
    """This process is about to be a tracer: what it traces shall reach neither it nor others."""
    syscalls.confine(command.readable, command.writable)
    if program := seccomp.default(tracer=os.getpid()):
        syscalls.load_filter(program)


# --- in the parent -----------------------------------------------------------------------------


def _sibling(pid: int, status: int) -> int:
    """The pid of the process inside, which the one that entered left behind as our child."""
    text = os.read(status, 32)
    return int(text) if text else pid  # the one that entered is reaped with all that end


def _raise_failure(command: Command, failure: int, pid: int) -> None:
    words = os.read(failure, 4096).decode()  # ends at execve, which closes the other end
    if words:
        os.waitpid(pid, 0)
        if not words.isdigit():
            raise StartError(words, NOT_EXECUTABLE)
        if command.program == "itself":
            raise of_errno(command.argv[0], int(words))
        raise _not_launched(command, int(words))


def _not_launched(command: Command, number: int) -> StartError:
    return StartError(f"{command.argv[0]}: {os.strerror(number).lower()}", REFUSED)


def _await(command: Command, started: Started, said: int, *, is_seized: bool) -> Started:
    """The container's program, once it is no longer the launcher's image."""
    monitor, status = started.monitor, started.status
    if command.program == "itself":
        return started._replace(program=monitor)
    if is_seized:
        program, handle = tracing.first_child(monitor, _BEGIN_WITHIN)
        started = started._replace(program=program, handle=handle)
    launcher, report = proc.image(monitor), b""
    deadline = time.monotonic() + _BEGIN_WITHIN
    pause = 0.0002
    while time.monotonic() < deadline:
        ended = _has_ended(monitor)
        report += _read(status)
        pid = _program(command, monitor, report)
        if pid and not started.program:
            handle = _handle(pid) if command.program == "child" else -1
            started = started._replace(program=pid, handle=handle)
        if ended:
            started = started._replace(program=started.program or monitor)
            return started._replace(early=_judge(command, monitor, report, said))
        if _has_begun(command, started, pid, launcher):
            return started
        time.sleep(pause)
        pause = min(pause * 1.2, 0.02)
    os.kill(monitor, signal.SIGKILL)
    os.waitpid(monitor, 0)
    raise StartError(f"{command.argv[0]} did not begin within {_BEGIN_WITHIN:.0f} s", REFUSED)


def _has_begun(
    command: Command, started: Started, pid: int, launcher: tuple[int, int] | None
) -> bool:
    if pid:
        image = proc.image(pid)
        return image is not None and launcher is not None and image != launcher
    if command.program == "reported":
        return started.program > 0
    # It was there and has gone; or it was never seen, and what it left behind is still traced.
    return started.program > 0 or any(
        proc.tracer(child) == started.monitor for child in proc.descendants(os.getpid())
    )


def _read(status: int) -> bytes:
    try:
        return os.read(status, 65536)
    except BlockingIOError:
        return b""


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _program(command: Command, monitor: int, report: bytes) -> int:
    if command.program == "child":
        return proc.first_child(monitor)
    reported = next((doc["child-pid"] for doc in _documents(report) if "child-pid" in doc), 0)
    return proc.first_child(reported) if reported and command.reaped else reported


def _documents(report: bytes) -> list[dict[str, int]]:
    return [parse(line) for line in report.decode().splitlines(keepends=True) if line[-1:] == "\n"]


def _judge(command: Command, monitor: int, report: bytes, said: int) -> bytes:
    """The launcher has ended: what it said, unless that is why the program never began."""
    if command.program == "reported" and b'"exit-code"' in report:
        return b""
    os.set_blocking(said, False)
    text = b""
    with suppress(OSError):
        text = os.read(said, 65536)
    if command.program == "child" and not text.startswith(command.error_prefix.encode()):
        return text
    os.waitpid(monitor, 0)
    raise of_words(command.asked, text.decode(errors="replace"))


def _handle(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1
