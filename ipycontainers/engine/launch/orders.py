"""What a supervisor is told: the commands that a launcher made, and what its streams are.

They are made here and not there, so that a supervisor needs no launcher, and little memory.

    containers/ID/run.json    {"bundle", "launcher", "command", "session"}

Knows: what is in run.json. Does not know: who reads it, processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipycontainers.engine.container import Bundle, ExecSpec, Spec
from ipycontainers.engine.supervise.failure import NOT_EXECUTABLE, StartError

from .choice import of
from .launcher import Launcher


def to_start(launcher: Launcher, bundle: Bundle) -> dict[str, Any]:
    """What is kept in run.json: plain values only."""
    spec = bundle.spec
    return {
        "bundle": bundle.to_dict(),
        "launcher": launcher.to_dict(),
        "command": launcher.argv(bundle).to_dict(),
        "session": {**_session(spec), "once": spec.stdin_once, "log": spec.log},
    }


def to_exec(run: Mapping[str, Any], spec: ExecSpec, pid: int) -> dict[str, Any]:
    """What is asked of the supervisor whose container's program is ``pid``.

    ``run`` is what ``to_start`` gave. ``Invalid`` for a user that is not known there, and
    ``StartError`` for a working directory, as far as that is to be found out before.
    """
    if spec.cwd and not spec.cwd.startswith("/"):
        raise StartError("Cwd must be an absolute path", NOT_EXECUTABLE)
    command = of(run["launcher"]).exec_argv(Bundle.of(run["bundle"]), spec, pid)
    return {"do": "exec", "command": command.to_dict(), "session": _session(spec)}


def _session(spec: Spec | ExecSpec) -> dict[str, bool]:
    return {"tty": spec.tty, "stdin": spec.stdin}
