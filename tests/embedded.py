"""Our own engine as a process of its own, for tests: by an ordinary user, with either launcher.

    with embedded.running(folder, "bubblewrap") as engine:
        engine.client.containers.run(…)         docker-py
        engine.kill9(); engine.start()

Root becomes the user 1000 for it, since what works for root only would prove nothing.

Knows: the engine's command line. Does not know: pytest's fixtures, the engine's modules.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from podman import become
from support import REPOSITORY, wait_for

USER = 1000


class Engine:
    """One data directory, and at most one engine on it at a time."""

    def __init__(
        self,
        folder: Path,
        launcher: str,
        name: str = "data",
        mounted: Sequence[str] = (),
        before: Sequence[str] = (),
    ) -> None:
        """``mounted`` is a file system, as words for mount, that the engine alone sees at
        ``data``; root is needed for that. ``before`` stands in front of the engine's command."""
        self.data = folder / name
        self.socket = (folder if mounted else self.data) / "run" / "engine.sock"
        self._mounted = mounted
        self._before = before
        self.launcher = launcher
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"
        self._clients: list[Any] = []

    def command(self, *more: str, **variables: str) -> list[str]:
        words = [sys.executable, "-m", "ipycontainers.engine", "--data", str(self.data)]
        private: list[str] = []
        if self._mounted:
            script = f'{shlex.join(["mount", *self._mounted, str(self.data)])} && exec "$@"'
            private = ["unshare", "-m", "sh", "-c", script, "sh"]
        return [
            *private,
            *(become(USER) if os.getuid() == 0 else []),
            *("env", *(f"{name}={value}" for name, value in variables.items())),
            *self._before,
            *words,
            *("--socket", str(self.socket), "--launcher", self.launcher, *more),
        ]

    def start(self, *more: str, **variables: str) -> None:
        """``variables`` are those of the engine, and of what it starts."""
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "LANG": "C.UTF-8"}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*more, **variables),
                stdin=subprocess.DEVNULL,
                stderr=log,
                env=environ,
                cwd="/",
            )
        assert wait_for(self._answers, seconds=60), self.log

    def _answers(self) -> bool:
        assert self.process
        if self.process.poll() is not None:
            raise AssertionError(self.log)
        import socket

        with socket.socket(socket.AF_UNIX) as sock:
            return sock.connect_ex(str(self.socket)) == 0

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def client(self) -> Any:
        """A new docker.DockerClient, closed at the end."""
        import docker

        made = docker.DockerClient(base_url=f"unix://{self.socket}", version="1.41", timeout=60)
        self._clients.append(made)
        return made

    def kill9(self) -> None:
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        return self._end(signal.SIGTERM)

    def hang_up(self) -> None:
        """Closes every client."""
        for client in self._clients:
            client.close()
        self._clients.clear()

    def _end(self, number: int) -> int:
        assert self.process
        self.hang_up()
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        """Removes every container, and ends the engine."""
        with contextlib.suppress(Exception):
            for container in self.client.containers.list(all=True, ignore_removed=True):
                container.remove(force=True, v=True)
        for client in self._clients:
            client.close()
        if self.process and self.process.poll() is None:
            self.terminate()


@contextlib.contextmanager
def running(
    launcher: str,
    *more: str,
    name: str = "data",
    mounted: Sequence[str] = (),
    before: Sequence[str] = (),
) -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="ipyc-"))
    give(folder)
    engine = Engine(folder, launcher, name, mounted, before)
    if mounted:
        engine.data.mkdir()
        give(engine.data)
    try:
        engine.start(*more)
        yield engine
    finally:
        engine.close()
        shutil.rmtree(folder, ignore_errors=True)


def give(path: Path) -> None:
    """To the engine's user."""
    if os.getuid() == 0:
        os.chown(path, USER, USER)


def processes_of(engine: Engine) -> list[str]:
    """The command lines that name the engine's data: its own and those of supervisors."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            if str(engine.data) in words:
                found.append(words)
    return found
