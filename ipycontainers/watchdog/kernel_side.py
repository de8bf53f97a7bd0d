"""The kernel's side: start the watchdog's process and tell it which engines to guard.

What the process has to know goes over a pipe, one JSON object a line:

    {"kernel": "0f3a…", "setting": null, "path": ["/usr/lib/…", …]}     first
    {"engine": {…}}                                     for each engine, before its first use

A pipe keeps what was written when its writer dies, so once ``guard`` has returned
the process will know, whatever happens to the kernel.

Knows: how to start that process and talk to it. Does not know: what it does then.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.errors import ContainerError
from ipycontainers.watchdog.labels import kernel_id

if TYPE_CHECKING:
    from ipycontainers.client import Candidate


class Watchdog:
    """The watchdog of the process that made this object; see ``start`` and ``guard`` below."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: _Outliving | None = None
        self._pipe = -1
        self._setting: str | None = None
        self._guarded: set[Candidate] = set()

    @property
    def pid(self) -> int | None:
        """The process id of the watchdog, None if none is running."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self, setting: str | None = None, *, sweep: bool = True) -> None:
        """Start the process unless it runs; with ``sweep`` it also removes what is left over.

        Never raises: an extension that cannot have its watchdog yet is loaded all
        the same, and ``guard`` tries again.
        """
        with self._lock:
            self._setting = setting
            if self.pid is None:
                with contextlib.suppress(OSError):
                    self._spawn(sweep)

    def guard(self, engine: Candidate) -> None:
        """Return once it is sure that containers on ``engine`` will be removed after our death.

        Costs a system call when the engine is known and the process runs, else
        starts it again. Raises ContainerError if that is impossible.
        """
        with self._lock:
            known = engine in self._guarded
            self._guarded.add(engine)
            try:
                if self.pid is None:
                    self._spawn(sweep=False)
                elif not known:
                    self._tell({"engine": engine.to_json()})
            except OSError as error:
                self._guarded.discard(engine)
                raise ContainerError(
                    f"cannot start the watchdog that removes containers: {error}",
                    "this user may have too many processes or open files: see ulimit -a",
                ) from error

    def close(self) -> None:
        """End the process, which then removes nothing; for tests."""
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process = None
                self._hang_up()

    def _spawn(self, sweep: bool) -> None:
        """Called with the lock held. Tells the new process all that the old one knew."""
        self._hang_up()
        reading, self._pipe = os.pipe()
        try:
            self._process = _Outliving(
                _command(sweep),
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).anchor,
                start_new_session=True,
                creationflags=_WINDOWS_FLAGS,
            )
        finally:
            os.close(reading)
        self._tell({"kernel": kernel_id(), "setting": self._setting, "path": _import_path()})
        for engine in self._guarded:
            self._tell({"engine": engine.to_json()})

    def _tell(self, message: dict[str, object]) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._pipe, data) :]

    def _hang_up(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


class _Outliving(subprocess.Popen[bytes]):
    """A child that is meant to outlive us: no warning that it still runs when we end."""

    def __del__(self) -> None:
        pass


# By pid, so that a child forked from the kernel neither uses nor ends its parent's watchdog.
_WATCHDOGS: dict[int, Watchdog] = {}

# Without a console, and not reached by the kernel's Ctrl-C.
_WINDOWS_FLAGS: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)


def start(setting: str | None = None, *, sweep: bool = True) -> None:
    """Start this process's watchdog; called when the extension is loaded, any number of times.

    ``setting`` is the engine asked for, as for ``client.connect``: the first start
    sweeps there. Returns after the spawn, some ms, and waits for nothing.
    """
    _of_this_process().start(setting, sweep=sweep)


def guard(engine: Candidate) -> None:
    """Have the containers of this process on ``engine`` removed when it dies.

    Called before each create. Returns when that is sure, raises ContainerError if
    it cannot be had.
    """
    _of_this_process().guard(engine)


def _of_this_process() -> Watchdog:
    return _WATCHDOGS.setdefault(os.getpid(), Watchdog())


def _command(sweep: bool) -> list[str]:
    """What ``ps`` shows.

    -I: no PYTHON… variable, no file in the current folder has a say. -S: no .pth
    file costs memory for the life of the kernel. The package is named by its
    place, so it is this one and no other version.
    """
    command = [sys.executable, "-I", "-S", str(Path(__file__).parent), "--kernel", str(os.getpid())]
    return [*command, "--sweep"] if sweep else command


def _import_path() -> list[str]:
    """Where the process may look for docker: where we would, the current folder last."""
    try:
        current = str(Path.cwd())
    except OSError:  # deleted under our feet
        current = ""
    absolute = [entry for entry in sys.path if Path(entry).is_absolute()]
    return sorted(absolute, key=lambda entry: entry == current)
