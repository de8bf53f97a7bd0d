"""An engine on another host, through the user's own ssh program.

Each connection is one ``ssh HOST docker system dial-stdio`` whose stdin and stdout are
one end of a socket pair; the other end is a socket like any other, so that hijacked
streams, half-close and time-outs work as they do on a local engine. (docker-py can
start ssh too, but gives it pipes, through which attach does not work.)

The first ssh stays as master for the later ones, which then cost one round trip and no
log-in. It ends with ``close``, or 30 s after its last connection when this process is
killed. The user's own ssh configuration, agent and known hosts apply; nothing is asked
on a terminal.

Knows: the options of OpenSSH. Does not know: HTTP, containers.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import weakref
from pathlib import Path
from urllib.parse import urlsplit

LONGEST_SOCKET_PATH = 104 - 18  # macOS; ssh adds a suffix while it makes the socket


def target(address: str) -> list[str]:
    """``ssh://user@host:22`` → the words that name the host to ssh."""
    parts = urlsplit(address)
    user = ["-l", parts.username] if parts.username else []
    port = ["-p", str(parts.port)] if parts.port else []
    return [*user, *port, "--", parts.hostname or ""]


def command(address: str) -> list[str]:
    """The words to run there; a path in the address is the socket there, as for docker."""
    path = urlsplit(address).path
    host = ["--host", f"unix://{path}"] if path else []
    return ["docker", *host, "system", "dial-stdio"]


class Ssh:
    """Connections to one host. ``close`` ends them all."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._folder = _private_folder()
        self._complaints = (self._folder / "stderr").open("w+b")
        self._programs: list[subprocess.Popen[bytes]] = []
        self._program_of: weakref.WeakKeyDictionary[socket.socket, subprocess.Popen[bytes]] = (
            weakref.WeakKeyDictionary()
        )
        self._lock = threading.Lock()

    def _options(self) -> list[str]:
        return [
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ServerAliveInterval=30",
            "-o",
            "ControlMaster=auto",
            "-o",
            f"ControlPath={self._folder / 'master'}",
            "-o",
            "ControlPersist=30",
            "-T",
        ]

    def dial(self) -> socket.socket:
        """Returns before the log-in is done: a failure shows as the end of the stream,
        and ``complaint`` then says why."""
        if os.name == "nt":
            raise OSError(
                "ssh:// needs a Unix machine here: on Windows use a docker context "
                "with tcp://, or WSL"
            )
        ours, theirs = socket.socketpair()
        argv = ["ssh", *self._options(), *target(self._address), *command(self._address)]
        try:
            with theirs:
                # A session of its own: Ctrl-C in a terminal is for the cell, not for ssh.
                program = subprocess.Popen(
                    argv,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=self._complaints,
                    start_new_session=True,
                )
        except BaseException:
            ours.close()
            raise
        with self._lock:
            self._programs = [old for old in self._programs if old.poll() is None] + [program]
            self._program_of[ours] = program
        return ours

    def check_end(self, sock: socket.socket) -> None:
        """Raises OSError when a stream that ended was cut: ssh says so by its exit status,
        which is 0 where the engine closed the stream."""
        with contextlib.suppress(subprocess.TimeoutExpired, KeyError):
            if status := self._program_of[sock].wait(1):
                raise ConnectionResetError(f"ssh ended with status {status}")

    def complaint(self) -> str:
        """What ssh wrote to stderr last; waits a moment for the program to end."""
        if self._programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._programs[-1].wait(1)
        self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, self._complaints.tell() - 2000))
        return self._complaints.read().decode("utf-8", "replace").strip()

    def close(self) -> None:
        """May be called twice."""
        if not self._folder.is_dir():
            return
        if (self._folder / "master").exists():
            subprocess.run(
                ["ssh", *self._options(), "-O", "exit", *target(self._address)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=5,
                check=False,
            )
        with self._lock:
            programs, self._programs = self._programs, []
        for program in programs:
            program.terminate()
            program.wait(5)
        self._complaints.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def _private_folder() -> Path:
    """Mode 0700, with a path short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="ipyc-ssh-"))
    if len(str(folder / "master")) <= LONGEST_SOCKET_PATH:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="ipyc-ssh-", dir="/tmp"))
