"""The first process of a Python session's container: it moves bytes and never runs a cell.

It forwards what the kernel asks for to the interpreter, and what the interpreter and the
cell's pipes say to the kernel, each with the number of its cell. It interrupts: SIGINT to the
cell's processes, SIGKILL to those that are left after ``GRACE``; an interpreter that does not
end the cell within ``PATIENCE`` is replaced. One that dies is replaced too.

Knows: processes, signals, descriptors. Does not know: Python code, values.
"""

import array
import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
import traceback

from . import cells, processes, wire

GRACE = 1.0
PATIENCE = 1.8  # seconds; the kernel is promised 3
SILENCE = 0.5  # seconds between the end of an interpreter's socket and its own
POLL = 0.02
PAUSE = 0.002  # after a little output: what is written line by line would cost a frame each
F_SETPIPE_SZ = 1031  # of Linux; has a name since Python 3.10
CHUNK = 64 * 1024
FULL = 1024 * 1024  # what waits for the kernel at most, and then no more is read
CLOSED = "the interpreter wrote to the agent's own descriptors"


def main() -> None:
    """Serve the kernel on this process's standard streams until they end."""
    reader, writer = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as null:
        os.dup2(null.fileno(), 0)
    os.dup2(2, 1)
    os.set_blocking(writer, False)
    for descriptor in (reader, writer):
        with contextlib.suppress(OSError):  # no pipe, or more than this user may have
            fcntl.fcntl(descriptor, F_SETPIPE_SZ, FULL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    processes.adopt_orphans()
    Multiplexer(reader, writer).serve()


class Multiplexer:
    """One interpreter, at most one running cell, and the pipes of all cells that have writers."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._from_kernel = wire.Parser()
        self._to_kernel = wire.Outbox()
        self._pipes: "dict[int, tuple[int, str]]" = {}  # descriptor → cell, stream
        self._cell = 0  # that runs, or 0
        self._last = 0
        self._since = 0  # the running cell's start, in processes' ticks
        self._interrupted = 0.0
        self._killed = False
        self._told_last: "dict[str, object]" = {}
        self._held: "dict[str, object]" = {}  # how the interrupted cell ended
        self._found = b""  # what the interpreter said of that end
        self._pause_until = 0.0
        self._lost = ""  # why the variables are gone, until a cell has been told
        self._wake, wake = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake)
        self._owned = [reader, writer, self._wake, wake]
        self._start()
        self._tell({"op": "ready", "version": list(sys.version_info[:3])})

    # The interpreter

    def _start(self) -> None:
        """Fork a fresh interpreter."""
        ours, theirs = socket.socketpair()
        self._from_cells = wire.Parser()
        self._to_cells = wire.Outbox()
        self._handed: "list[int]" = []
        self._silent_since = 0.0  # when the interpreter closed its socket, if it did
        self._leaving = False  # whether it has said that it ends
        pid = os.fork()
        if not pid:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                for descriptor in [*self._owned, *self._pipes, ours.fileno()]:
                    os.close(descriptor)
                cells.main(theirs)
            except BaseException:  # noqa: BLE001 – an error of ours, which ends the interpreter
                os.write(2, traceback.format_exc().encode())
            finally:
                os._exit(70)
        theirs.close()
        ours.setblocking(False)
        self._socket = ours
        self._pid = pid

    def _reap(self) -> None:
        """Take notice of every child that has ended; orphans are our children too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._pid:
                self._replace(status)

    def _replace(self, status: int) -> None:
        """The interpreter has ended: tell the running cell, or else the next one."""
        with contextlib.suppress(wire.BadFrame, OSError):
            while self._read_socket():
                pass
        self._socket.close()
        for descriptor in self._handed:
            os.close(descriptor)
        reason = self._reason(status)
        if self._leaving and self._cell:
            self._finish(self._held)
        elif self._held:
            self._held.setdefault("lost", reason)
        elif self._cell:
            self._drain()
            self._found = b""
            self._ended({"code": processes.exit_code(status), "lost": reason})
        else:
            self._lost = self._lost or reason
        self._start()

    def _reason(self, status: int) -> str:
        if self._killed:
            return "the interpreter ignored the interrupt"
        if self._lost:
            return self._lost
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            text = "the interpreter was ended by %s" % processes.signal_name(number)
            memory = ", as the kernel does when memory runs out"
            return text + (memory if number == signal.SIGKILL else "")
        return "the interpreter ended with exit code %d" % os.WEXITSTATUS(status)

    def _end_speechless(self) -> None:
        """End an interpreter that cannot be heard any more, unless it is ending by itself."""
        if self._silent_since and time.monotonic() - self._silent_since > SILENCE:
            self._lost = self._lost or CLOSED
            processes.send(self._pid, signal.SIGKILL)

    # The loop

    def serve(self) -> None:
        """Until the kernel's side has ended."""
        while True:
            self._reap()
            self._advance_interrupt()
            self._end_speechless()
            readable, writable = self._select()
            if self._writer in writable:
                self._flush()
            if self._wake in readable:
                os.read(self._wake, 4096)
            if self._socket in writable:
                self._flush_cells()
            if self._socket in readable:
                self._serve_cells()
            for descriptor in [one for one in readable if one in self._pipes]:
                self._read_pipe(descriptor, CHUNK)
            if self._reader in readable and not self._serve_kernel():
                return
            self._flush()

    def _select(self) -> "tuple[list[Any], list[Any]]":
        reading: "list[Any]" = [self._wake]
        if self._to_cells.size < FULL:
            reading.append(self._reader)
        if self._to_kernel.size < FULL:
            reading += self._pipes
            reading += [] if self._silent_since else [self._socket]
        writing: "list[Any]" = [self._writer] if self._to_kernel.size else []
        if self._to_cells.size:
            writing.append(self._socket)
        waits = POLL if self._interrupted or self._silent_since else None
        pause = self._pause_until - time.monotonic()
        if 0 < pause <= PAUSE:
            reading = [one for one in reading if one not in self._pipes]
            waits = pause
        readable, writable, _ = select.select(reading, writing, [], waits)
        return readable, writable

    def _tell(self, head: "dict[str, object]", *data: bytes) -> None:
        self._to_kernel.add(head, *data)

    def _flush(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._to_kernel.write(lambda parts: _write(self._writer, parts))

    # From the kernel

    def _serve_kernel(self) -> bool:
        """Whether the kernel is still there and speaks in frames."""
        chunk = os.read(self._reader, FULL)
        if not chunk:
            return False
        for head, parts in self._from_kernel.feed_parts(chunk):
            if head.get("op") == "stop":
                return False
            if head.get("op") == "interrupt":
                self._interrupt(head)
                continue
            if head.get("op") == "run":
                self._begin(int(str(head["cell"])))
            self._to_cells.add(head, *parts)
        self._flush_cells()
        return True

    def _begin(self, cell: int) -> None:
        self._reap()
        self._cell = self._last = cell
        self._since = processes.now()
        self._interrupted, self._killed, self._held = 0.0, False, {}

    def _flush_cells(self) -> None:
        try:
            self._to_cells.write(self._socket.sendmsg)
        except BlockingIOError:
            pass
        except OSError:
            self._to_cells.clear()  # it is dead, which the next waitpid says

    # From the interpreter

    def _serve_cells(self) -> None:
        try:
            self._read_socket()
        except (wire.BadFrame, OSError):
            self._silent_since = time.monotonic()

    def _read_socket(self) -> bool:
        """Whether there was something to read. Raises BadFrame."""
        room = socket.CMSG_SPACE(2 * struct.calcsize("i"))
        try:
            chunk, extra, _, _ = self._socket.recvmsg(4 * CHUNK, room)
        except BlockingIOError:
            return False
        for level, kind, data in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                handed = array.array("i")
                handed.frombytes(data[: len(data) - len(data) % handed.itemsize])
                self._handed += handed
        if not chunk:
            self._silent_since = time.monotonic()
            return False
        for head, parts in self._from_cells.feed_parts(chunk):
            self._hear(head, parts)
        return True

    def _hear(self, head: "dict[str, object]", parts: "list[bytes]") -> None:
        operation = head.get("op")
        if operation == "began":
            self._adopt()
            return
        self._drain()
        if operation == "sync":
            self._to_cells.add({"op": "synced", "id": head.get("id")})
            self._flush_cells()
        elif operation == "ended":
            self._leaving = bool(head.get("lost"))
            self._found = b"".join(parts)
            self._ended(head)
        else:
            self._tell(head, *parts)

    def _adopt(self) -> None:
        """The two pipes of a cell that has begun."""
        for descriptor, stream in zip(self._handed, ("stdout", "stderr")):
            os.set_blocking(descriptor, False)
            self._pipes[descriptor] = self._cell, stream
        self._handed = []

    def _ended(self, head: "dict[str, object]") -> None:
        """Tell the kernel; of an interrupted cell when its processes have ended too."""
        if not self._cell:
            return
        told = dict(head, op="ended", cell=self._cell)
        told.pop("size", None)
        if self._lost:
            told.setdefault("lost", self._lost)
        if self._interrupted or self._leaving:
            self._held = told
        else:
            self._finish(told)

    def _finish(self, told: "dict[str, object]") -> None:
        self._drain()
        self._cell = 0
        self._interrupted = 0.0
        self._held = {}
        self._lost = ""
        self._told_last = told
        self._tell(told, self._found)

    # The pipes

    def _read_pipe(self, descriptor: int, size: int) -> None:
        cell, stream = self._pipes[descriptor]
        try:
            data = os.read(descriptor, size)
        except BlockingIOError:
            return
        if data:
            self._tell({"op": "stream", "cell": cell, "name": stream}, data)
            if len(data) < CHUNK // 2:
                self._pause_until = time.monotonic() + PAUSE
        else:
            del self._pipes[descriptor]
            os.close(descriptor)

    def _drain(self) -> None:
        """What the cell has written up to now, which comes before what is told next."""
        for descriptor in [one for one, (cell, _) in self._pipes.items() if cell == self._last]:
            waiting = array.array("i", [0])
            fcntl.ioctl(descriptor, termios.FIONREAD, waiting, True)
            if waiting[0]:
                self._read_pipe(descriptor, min(waiting[0], wire.PIECE))

    # Interrupts

    def _interrupt(self, head: "dict[str, object]") -> None:
        """The first one is a SIGINT; one that says "now" kills. Where the cell has ended it is
        told again, since an interrupt may have hit the kernel as it read that."""
        if head.get("cell") != self._cell:
            if head.get("cell") == self._told_last.get("cell"):
                self._tell(self._told_last, b"")
            return
        if not self._interrupted:
            self._interrupted = time.monotonic()
            self._to_cells.add({"op": "interrupted", "cell": self._cell})
            self._flush_cells()
            for pid in [*self._cell_processes(), self._pid]:
                processes.send(pid, signal.SIGINT)
        if head.get("now"):
            self._interrupted -= PATIENCE

    def _cell_processes(self) -> "list[int]":
        """Those that the running cell has started, and what they have started."""
        return processes.descendants(os.getpid(), since=self._since, without=self._pid)

    def _advance_interrupt(self) -> None:
        if not self._interrupted:
            return
        passed = time.monotonic() - self._interrupted
        left = self._cell_processes()
        if passed > GRACE:
            for pid in left:
                processes.send(pid, signal.SIGKILL)
        if self._held:
            if not (left or self._leaving) or passed > PATIENCE:
                self._finish(self._held)
        elif passed > PATIENCE and not self._killed:
            self._killed = True
            processes.send(self._pid, signal.SIGKILL)


def _write(descriptor: int, parts: "list[memoryview]") -> int:
    if hasattr(os, "writev"):
        return os.writev(descriptor, parts)
    return os.write(descriptor, parts[0])  # PyPy


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
