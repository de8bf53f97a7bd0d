"""How an exception of a cell is told: without the frames of the agent.

Knows: Python's tracebacks. Does not know: cells.
"""

import traceback

NAME = "<cell %d>"  # what a cell's code calls its file
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
    """Drop our frames from the beginning of its traceback, and of those that led to it."""
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS):
            trace = trace.tb_next
        error.__traceback__ = trace
        if error.__cause__ is not None:
            _trim(error.__cause__, seen)
        error = error.__context__


def _full_name(kind: type) -> str:
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return "<its text cannot be shown>"
