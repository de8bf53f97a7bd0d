"""Containers straight from a nursery, without an engine: what the launcher's tests run.

As root they belong to the user with uid 1000, else to the user of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from support import REPOSITORY, wait_for

from ipycontainers.engine import clearing, launch, rootfs
from ipycontainers.engine.container import Bundle, ExecSpec, Spec
from ipycontainers.engine.supervise import ask, connect
from ipycontainers.engine.supervise.failure import StartError

UID = 1000
APPLETS = (
    *("cat", "chmod", "date", "dd", "echo", "env", "false", "grep", "head", "hostname", "id"),
    *("kill", "ls", "mkdir", "mount", "ps", "pwd", "rm", "sh", "sleep", "stty", "touch", "true"),
    *("tty", "umount", "unshare", "wc", "yes"),
)


class Containers:
    """A busybox root, a nursery, and what was started; ``with`` it, for nothing is left."""

    def __init__(self, folder: Path, launcher: str) -> None:
        self.folder = folder
        self._made: list[Container] = []
        self._layer = folder / "layer"
        self._wanted = launcher

    def __enter__(self) -> Containers:  # noqa: PYI034 - Self is not in Python 3.10
        _make_busybox(self._layer)
        self.give(self.folder)
        self._process = self._start()
        assert self._process.stdout
        plain = json.loads(self._process.stdout.readline())
        assert "refused" not in plain, plain
        self.launcher = launch.of(plain)
        return self

    def __exit__(self, *_: object) -> None:
        for made in self._made:
            made.end()
        self.kill_nursery()
        for made in self._made:
            clearing.remove(made.directory)

    def give(self, path: Path) -> None:
        """The path and all below to the containers' user."""
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{UID}:{UID}", path], check=True)

    def kill_nursery(self) -> None:
        """With SIGKILL, as the engine may die."""
        self._process.kill()
        self._process.communicate()

    def make(self, *args: str, **spec: Any) -> Container:
        """Not started; its supervisor listens."""
        directory = self.folder / f"c{len(self._made)}"
        for name in ("", "upper", "work", "etc", "tmp", "shm", "tmpfs", "binds"):
            (directory / name).mkdir()
        for name in ("hostname", "hosts", "resolv.conf"):
            (directory / "etc" / name).write_text(f"our {name}\n")
        root = None
        if self.launcher.needs_copy:
            root = directory / "root"
            rootfs.copy(self._layer, root)
        asked = Spec(args, **{"user": "0:0", **spec})
        asked = replace(asked, mounts=(*rootfs.generated(directory), *asked.mounts))
        for number, mount in enumerate(asked.mounts):
            if mount.type == "tmpfs":
                (directory / "tmpfs" / str(number)).mkdir()
            else:
                (directory / "binds" / str(number)).symlink_to(mount.source)
        bundle = Bundle(directory.name, directory, asked, () if root else (self._layer,), root)
        run = launch.to_start(self.launcher, bundle)
        (directory / "run.json").write_text(json.dumps(run))
        self.give(directory)
        made = Container(directory)
        self._made.append(made)
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{directory}\n")
        self._process.stdin.flush()
        made.supervisor = int(self._process.stdout.readline())
        return made

    def run(self, *args: str, stdin: bytes | None = None, **spec: Any) -> Outcome:
        """Make, attach, start, and read to the end."""
        has_input = stdin is not None
        made = self.make(*args, stdin=has_input, stdin_once=has_input, **spec)
        stream = made.attach(stdin=has_input)
        started = made.ask({"do": "start"})
        if "error" in started:
            stream.close()
            return Outcome(started["code"], error=started["error"])
        outcome = stream.rest(stdin or b"")
        return replace(outcome, code=made.wait())

    def _start(self) -> subprocess.Popen[str]:
        words = [sys.executable, str(Path(__file__).with_name("nursery.py"))]
        return subprocess.Popen(
            [*as_user(), *words, str(self.folder), self._wanted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )


class Container:
    """One that was made; ``supervisor`` is the pid of its supervisor."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.supervisor = 0
        self._streams: list[Stream] = []

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """On a connection of its own."""
        return ask(self.directory, request, timeout=30)

    def start(self) -> int:
        """The pid of its program, as the host sees it."""
        answer = self.ask({"do": "start"})
        assert "pid" in answer, answer
        return int(answer["pid"])

    def wait(self) -> int:
        """The exit code, from the supervisor or what it left behind."""
        with suppress(OSError):
            return int(self.ask({"do": "wait"})["exit"])
        return int(json.loads((self.directory / "exit.json").read_text())["code"])

    def attach(self, **asked: Any) -> Stream:
        """Connected when this returns."""
        stream = Stream(self.directory, {"do": "attach", **asked})
        stream.is_raw = bool(stream.answer["tty"])
        self._streams.append(stream)
        return stream

    def exec(self, *args: str, name: str = "e1", stdin: bool = False, **spec: Any) -> Stream:
        """A further program; its stream's answer has its pid or an error."""
        run = json.loads((self.directory / "run.json").read_text())
        pid = int(self.ask({"do": "state"})["pid"])
        asked = launch.to_exec(run, ExecSpec(args, stdin=stdin, **spec), pid)
        stream = Stream(self.directory, {**asked, "id": name, "stdin": stdin})
        stream.is_raw = bool(spec.get("tty"))
        self._streams.append(stream)
        return stream

    def refusal(self, *args: str, **spec: Any) -> tuple[int, str]:
        """Code and words for a further program that cannot begin, whoever finds that out:
        PRoot's launcher looks for users and folders before its supervisor is asked."""
        try:
            answer = self.exec(*args, **spec).answer
        except StartError as error:
            return error.code, str(error)
        return int(answer["code"]), str(answer["error"])

    def output(self, *args: str, **spec: Any) -> bytes:
        """What a further program wrote to standard output."""
        stream = self.exec(*args, **spec)
        assert "pid" in stream.answer, stream.answer
        return stream.rest().out

    def end(self) -> None:
        """It, its connections and its files."""
        with suppress(OSError):
            if self.ask({"do": "kill", "signal": 9}).get("error"):
                os.kill(self.supervisor, signal.SIGTERM)  # it never began
        for stream in self._streams:
            stream.close()
        assert wait_for(lambda: not is_alive(self.supervisor), every=0.02)

    def exec_code(self, name: str = "e1") -> int:
        """How it ended."""
        return int(json.loads((self.directory / "execs" / f"{name}.json").read_text())["exit"])


class Stream:
    """An attached connection."""

    is_raw = False

    def __init__(self, directory: Path, request: dict[str, Any]) -> None:
        self.socket = connect(directory)
        self.socket.settimeout(30)
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        self._file = self.socket.makefile("rb")
        self.answer: dict[str, Any] = json.loads(self._file.readline())

    def frame(self) -> tuple[int, bytes]:
        """The next one; (0, b"") at the end."""
        head = self._file.read(8)
        if len(head) < 8:
            return 0, b""
        return head[0], self._file.read(int.from_bytes(head[4:], "big"))

    def line(self) -> bytes:
        """Of a raw stream."""
        return self._file.readline()

    def rest(self, stdin: bytes | None = None) -> Outcome:
        """To the end, after ``stdin`` and its end were sent."""
        if stdin is not None:
            with suppress(OSError):  # it may have ended already
                self.socket.sendall(stdin)
                self.socket.shutdown(socket.SHUT_WR)
        parts: dict[int, bytes] = {1: b"", 2: b""}
        if self.is_raw:
            parts[1] = self._file.read()
        else:
            while (frame := self.frame())[0]:
                parts[frame[0]] += frame[1]
        self.close()
        return Outcome(out=parts[1], err=parts[2])

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()


@dataclass(frozen=True)
class Outcome:
    """What a program wrote, and how it ended."""

    code: int = 0
    out: bytes = b""
    err: bytes = b""
    error: str = ""


def as_user() -> Sequence[str]:
    """What is put in front of a command for the containers' user."""
    if os.geteuid() != 0:
        return ()
    ids = (f"--reuid={UID}", f"--regid={UID}", "--clear-groups")
    return ("setpriv", *ids)


def is_alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not."""
    with suppress(OSError):
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    return False


def _make_busybox(layer: Path) -> None:
    for name in ("bin", "etc", "tmp", "dev", "proc", "sys", "root"):
        (layer / name).mkdir(parents=True)
    program = shutil.which("busybox")
    assert program, "Debian's busybox-static is needed"
    shutil.copy(program, layer / "bin/busybox")
    for name in APPLETS:
        (layer / "bin" / name).symlink_to("busybox")
    (layer / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nada:x:1815:10::/home/ada:\n")
    for name in ("hostname", "hosts", "resolv.conf"):
        (layer / "etc" / name).touch()
