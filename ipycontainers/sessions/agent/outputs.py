"""Where a cell's output goes: two pipes of its own, also for its threads and processes.

Descriptors 1 and 2 are the running cell's, so that programs and C libraries that it starts
write there, and keep writing there when the next cell has other pipes. ``sys.stdout`` and
``sys.stderr`` write to the cell that the thread belongs to: the one that started the thread,
or gave the task to its pool.

Knows: descriptors, threads. Does not know: who reads.
"""

import builtins
import contextlib
import fcntl
import getpass
import io
import os
import sys
import threading

F_DUPFD_CLOEXEC = 1030  # of Linux; PyPy has no name for it
ATTRIBUTE = "_ipycontainers_cell"


class Outputs:
    """The pipes of the running cell, and of those before it that still have threads."""

    def __init__(self, line: "channel.Channel") -> None:
        self.line = line
        self.cell = 0
        self._pipes: "dict[int, tuple[int, int]]" = {}
        self._wrote: "Stream | None" = None
        self._flush_c = _c_flush()
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        self._null = above(sys.stdin.fileno())
        for number, name in ((1, "stdout"), (2, "stderr")):
            for attribute in (name, "__%s__" % name):
                setattr(sys, attribute, Stream(self, number))
        setattr(builtins, "input", self._input)  # noqa: B010
        getpass.getpass = self._getpass
        _remember_cells(self)

    def begin(self, cell: int) -> None:
        """Fresh pipes; their reading ends go to the multiplexer."""
        self._forget()
        os.dup2(self._null, 0)
        (from_out, out), (from_err, err) = _pipe(), _pipe()
        self.line.send({"op": "began", "cell": cell}, b"", (from_out, from_err))
        os.close(from_out)
        os.close(from_err)
        self._pipes[cell] = out, err
        os.dup2(out, 1)
        os.dup2(err, 2)
        self._wrote = None
        self.cell = cell

    def _forget(self) -> None:
        """Close the pipes of cells that have no thread any more."""
        used = {getattr(thread, ATTRIBUTE, 0) for thread in threading.enumerate()}
        for cell in [one for one in self._pipes if one not in used]:
            for descriptor in self._pipes.pop(cell):
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def cell_here(self) -> int:
        """The cell that this thread works for."""
        return getattr(threading.current_thread(), ATTRIBUTE, 0) or self.cell

    def write(self, stream: "Stream", data: bytes) -> None:
        """All of it, to the cell that this thread works for; dropped where nobody reads."""
        pipes = self._pipes.get(self.cell_here())
        if not pipes:
            return
        if self._wrote not in (None, stream):
            self.line.sync()  # two pipes do not keep the order of what is in them
        self._wrote = stream
        view = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while view:
                view = view[os.write(pipes[stream.fileno() - 1], view) :]

    def flush(self) -> None:
        """What C libraries hold back; Python's own streams hold nothing."""
        self._flush_c()

    def _input(self, prompt: object = "") -> str:
        return self._ask(str(prompt), password=False)

    def _getpass(self, prompt: str = "Password: ", stream: object = None, **_: object) -> str:
        return self._ask(prompt, password=True)

    def _ask(self, prompt: str, password: bool) -> str:
        if not self.line.can_ask:
            raise EOFError("only a cell's main thread can ask for input")
        question = {"op": "ask", "cell": self.cell, "prompt": prompt[:8192], "password": password}
        answer = self.line.ask(question)
        if "error" in answer:
            raise EOFError(str(answer["error"]))
        return str(answer["text"])


def above(descriptor: int) -> int:
    """A copy of it that a cell does not meet when it closes or redirects its own."""
    return fcntl.fcntl(descriptor, F_DUPFD_CLOEXEC, 100)


def _pipe() -> "tuple[int, int]":
    ends = os.pipe()
    high = above(ends[0]), above(ends[1])
    for end in ends:
        os.close(end)
    return high


class Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr``; writes at once."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, outputs: Outputs, number: int) -> None:
        self._outputs = outputs
        self._number = number
        self.mode = "w"
        self.name = "<stdout>" if number == 1 else "<stderr>"
        self.buffer = Raw(self)

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        if text:
            self._outputs.write(self, text.encode("utf-8", "backslashreplace"))
        return len(text)

    def write_bytes(self, data: "bytes | bytearray | memoryview") -> int:
        view = memoryview(data).cast("B")
        self._outputs.write(self, view)  # type: ignore[arg-type]
        return len(view)

    def fileno(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """A cell may close it for itself; the next one needs it."""

    def reconfigure(self, **_: object) -> None:
        """UTF-8 it stays."""


class Raw(io.RawIOBase):
    """``sys.stdout.buffer``."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        return self._stream.write_bytes(data)

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """As the stream."""


def _remember_cells(outputs: Outputs) -> None:
    """Let each new thread know the cell that starts it."""
    start = threading.Thread.start

    def remembering(thread: threading.Thread) -> None:
        setattr(thread, ATTRIBUTE, outputs.cell_here())
        start(thread)

    setattr(threading.Thread, "start", remembering)  # noqa: B010


def remember_tasks(module: "types.ModuleType", outputs: Outputs) -> None:
    """Let a task of ``concurrent.futures.thread`` write to the cell that has submitted it."""
    submit = module.ThreadPoolExecutor.submit

    def remembering(pool: object, work: "Callable[..., object]", *args: object, **more: object):  # type: ignore[no-untyped-def]
        cell = outputs.cell_here()

        def task(*args: object, **more: object) -> object:
            thread = threading.current_thread()
            before = getattr(thread, ATTRIBUTE, 0)
            setattr(thread, ATTRIBUTE, cell)
            try:
                return work(*args, **more)
            finally:
                setattr(thread, ATTRIBUTE, before)

        return submit(pool, task, *args, **more)

    module.ThreadPoolExecutor.submit = remembering


def _c_flush() -> "Callable[[], object]":
    """fflush of every stream of C's, which an image without ctypes cannot have."""
    try:
        import ctypes

        flush = ctypes.CDLL(None).fflush
    except Exception:  # noqa: BLE001
        return lambda: None
    return lambda: flush(None)


TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from . import channel
