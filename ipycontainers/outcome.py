"""What an exit code means, in a line and a hint.

Knows: exit codes of POSIX shells. Does not know: engines, IPython.
"""

from __future__ import annotations

import signal

from .errors import CellFailed

_OF_SHELLS = {
    126: "a command in it could not be executed",
    127: "a command in it was not found",
}


def explain(exit_code: int, *, oom_killed: bool = False, memory: str = "") -> str:
    """A few words for the exit code of a program that ran, or "" where it is its own business.

    ``memory`` is the limit as the user wrote it.

    >>> explain(139)
    'a crash: it reached into memory that is not its own (SIGSEGV)'
    """
    if oom_killed:
        limit = f" (its limit was -m {memory})" if memory else ""
        return f"out of memory: the kernel killed it{limit}"
    if exit_code == 137 and memory:
        return f"killed (SIGKILL), perhaps for being out of memory: its limit was -m {memory}"
    if exit_code == 137:
        return "killed (SIGKILL)"
    if exit_code == 139:
        return "a crash: it reached into memory that is not its own (SIGSEGV)"
    if exit_code == 143:
        return "asked to end (SIGTERM)"
    if 128 < exit_code <= 128 + signal.NSIG:
        return f"ended by {_signal_name(exit_code - 128)}"
    return _OF_SHELLS.get(exit_code, "")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def failure(
    exit_code: int,
    image: str,
    *,
    oom_killed: bool = False,
    memory: str = "",
    hint: str = "",
) -> CellFailed:
    """The error of a cell whose program ended with ``exit_code``."""
    meaning = explain(exit_code, oom_killed=oom_killed, memory=memory)
    message = f"exit code {exit_code} in {image}" + (f": {meaning}" if meaning else "")
    if oom_killed and not hint:
        hint = "give it more with -m, or less to do"
    return CellFailed(message, hint, exit_code=exit_code)
