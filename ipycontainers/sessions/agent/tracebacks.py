"""How an exception of a cell is told: without the frames of the agent.

Knows: Python's tracebacks. Does not know: cells.
"""

import sys
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types

CELL = "<cell "
NAME = CELL + "%d>"  # what a cell's code calls its file
OURS = "<ipycontainers"  # what this agent's code calls its own, and that of values
LINES = 200  # with LENGTH below what one frame takes, also as JSON
LENGTH = 800
MESSAGE = 4000


def report(error: BaseException) -> "dict[str, object]":
    """``traceback`` as lines, ``name`` of the class and ``message``, all of bounded length."""
    kind = type(error)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else _full_name(kind)
    return {"traceback": lines(error), "name": name[:MESSAGE], "message": _text(error)[:MESSAGE]}


def lines(error: BaseException) -> "list[str]":
    """Python's own traceback of it, from the cell's code on."""
    _trim(error, set())
    try:
        parts = traceback.format_exception(type(error), error, error.__traceback__)
        told = "".join(parts).splitlines()
    except Exception as problem:  # noqa: BLE001 – a hostile exception may raise anything
        told = ["%s (its traceback cannot be shown: %r)" % (type(error).__name__, type(problem))]
    told = [line[:LENGTH] for line in told]
    if len(told) > LINES:
        told[LINES // 2 : -LINES // 2] = ["  … %d lines …" % (len(told) - LINES)]
    return told


def _trim(error: "BaseException | None", seen: "set[int]") -> None:
    """Drop our frames from its traceback, and all before a cell's first, and so for those that
    led to it."""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace)
            trace = trace.tb_next
        files = [frame.tb_frame.f_code.co_filename for frame in frames]
        cells = [at for at, file in enumerate(files) if file.startswith(CELL)]
        first = cells[0] if cells else 0
        kept = [frame for frame, file in zip(frames[first:], files[first:]) if not _is_ours(file)]
        error.__traceback__ = _joined(kept)
        if error.__cause__ is not None:
            _trim(error.__cause__, seen)
        error = error.__context__


def _is_ours(file: str) -> bool:
    return file.startswith(OURS)


def _joined(frames: "list[types.TracebackType]") -> "types.TracebackType | None":
    if sys.version_info >= (3, 7):  # 3.6 cannot: it shows all that follow
        for frame, following in zip(frames, [*frames[1:], None]):
            frame.tb_next = following
    return frames[0] if frames else None


def _full_name(kind: type) -> str:
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return "<its text cannot be shown>"
