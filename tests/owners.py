"""Processes that own containers, as plain Python programs: quicker than a kernel.

    with contextlib.closing(Owner("watchdog.start(); say(watchdog_pid())")) as owner:
        pid = int(owner.line())
        owner.kill9()

The program begins with PRELUDE; ``run()`` in it makes a container that sleeps.

Knows: the package's public names. Does not know: pytest's fixtures, Jupyter.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from support import REPOSITORY, wait_for

# On every container that these tests make; others may run the same tests on this engine.
MARK = {"ipycontainers-test.watchdog": os.urandom(8).hex()}

PRELUDE = """
import json, os, signal, sys, time
from ipycontainers import watchdog
from ipycontainers.watchdog import kernel_side

def watchdog_pid():
    return kernel_side._of_this_process().pid

def connect(sweep=False):
    global connection
    from ipycontainers import client
    connection = client.connect(os.environ.get("ENGINE"))
    watchdog.start(os.environ.get("ENGINE"), sweep=sweep)
    watchdog.guard(connection.candidate)
    return connection

def config(keep=False):
    labels = {**watchdog.labels("test.ipynb", keep), **json.loads(os.environ["MARK"])}
    return {"Image": os.environ["IMAGE"], "Cmd": ["sleep", "600"], "Labels": labels}

def run(keep=False):
    created = connection.create(config(keep))
    connection.start(created.id)
    return created.id

def say(*words):
    print(*words, flush=True)
"""


class Owner:
    """One such process; ``close`` ends it."""

    def __init__(
        self, script: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", PRELUDE + script + "\ntime.sleep(600)"],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})},
        )

    def line(self) -> str:
        """The next line that it prints; empty when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().strip()

    def kill9(self) -> None:
        self.process.send_signal(signal.SIGKILL)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def is_gone(pid: int, seconds: float) -> bool:
    """Whether process ``pid`` has ended after at most that long.

    Its parent is dead by then, so reaping it is the business of process 1, which on
    some machines takes seconds.
    """
    return bool(wait_for(lambda: _state(pid) in {"", "Z", "X"}, seconds=seconds))


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def watchdogs_of(pid: int) -> list[int]:
    """The watchdogs of process ``pid``, as anybody finds them with ps."""
    listed = subprocess.run(
        ["ps", "-eww", "-o", "pid,args"], capture_output=True, text=True, check=True
    )
    return [
        int(line.split()[0])
        for line in listed.stdout.splitlines()
        if f"ipycontainers/watchdog --kernel {pid}" in line
    ]
