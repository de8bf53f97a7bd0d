"""The real docker command on our engine and on dockerd: both run the same words, and are compared.

    both = Both(Terminal(ours), Terminal(dockerd), replies)
    both("run", "--rm", IMAGE, "echo", "hi")       asserts the same code, output and errors

dockerd's replies are kept by the caller, so that what two launchers are compared with is asked
for once.

Knows: the docker command, what of its output is of a moment. Does not know: pytest, launchers.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.sides import NO_NETWORKS, WARNED
from support import wait_for

# Debian's, whose words are compared: another may stand before it in the PATH.
DEBIAN = "/usr/bin/docker"
LIMIT = 60
RAN = re.compile(r"^ ---> Running in ([0-9a-f]{12})$", re.MULTILINE)
BUILT = re.compile(r"^(?: ---> |sha256:)([0-9a-f]{12})(?:[0-9a-f]{52})?$", re.MULTILINE)
OF_A_MOMENT = (
    (re.compile(r"sha256:[0-9a-f]{64}"), "DIGEST"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "SHORT"),
    (re.compile(r"\d{4}(-\d\d){2}[T ](\d\d:){2}\d\d(\.\d+)?( ?[+-]\d{4} UTC|Z)?"), "TIME"),
    (re.compile(r"(Less than a second|About a minute|\d+ (second|minute|hour)s?)( ago)?"), "AGO"),
    (re.compile(r"\d+ (day|week|month|year)s? ago"), "AGO"),
    (re.compile(r"\b\d+(\.\d+)?(B|kB|MB|GB|MiB|KiB|GiB)\b"), "SIZE"),
    # Said or not, by chance: the command gives up a wait of its own.
    (re.compile(r'time="TIME" level=error msg="error waiting for container: .*"\n'), ""),
    # PRoot's warnings, which are tested by themselves.
    (re.compile(rf"WARNING: {NO_NETWORKS}\n"), ""),
    (WARNED, ""),
    # What shim and runc say of themselves.
    (re.compile(r"failed to create shim task: |runc create failed: |: unknown(?=[.\n])"), ""),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" +$", re.MULTILINE), ""),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """Where the command is typed; ``address`` is an engine's."""

    address: str
    program: str = DEBIAN
    told: list[str] = field(default_factory=list)  # ids of images that builds have told of
    ran: list[str] = field(default_factory=list)  # of their containers; a failed step's stays

    def run(self, *words: str, stdin: bytes = b"", cwd: str | None = None) -> Outcome:
        return alone(lambda: self._run(words, stdin, cwd))

    def _run(self, words: Sequence[str], stdin: bytes, cwd: str | None) -> Outcome:
        made = subprocess.run(
            [self.program, *words], input=stdin, capture_output=True, timeout=LIMIT, check=False,
            env=self._environ(), cwd=cwd,
        )  # fmt: skip
        said = (made.stdout + made.stderr).decode(errors="replace")
        self.told.extend(BUILT.findall(said))
        self.ran.extend(RAN.findall(said))
        return Outcome(made.returncode, *map(plain, (made.stdout, made.stderr)))

    def typed(self, *words: str, keys: bytes) -> Outcome:
        """With a terminal of its own, where ``keys`` are typed when it is first written to."""
        near, far = pty.openpty()
        process = subprocess.Popen(
            [self.program, *words], stdin=far, stdout=far, stderr=far, env=self._environ(),
            start_new_session=True,
        )  # fmt: skip
        os.close(far)
        try:
            shown = _conversation(near, keys)
            return Outcome(process.wait(LIMIT), plain(shown), "")
        finally:
            process.kill()
            process.wait()
            os.close(near)

    def _environ(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": tempfile.gettempdir(),
            "DOCKER_HOST": self.address,
            "DOCKER_CONFIG": "/nonexistent",
            "TERM": "xterm",
        }


def alone(ask: Callable[[], Outcome]) -> Outcome:
    """The answer, asked again while dockerd prunes for somebody else: it does one at a time."""
    said: list[Outcome] = []

    def is_told() -> bool:
        said.append(ask())
        return "a prune operation is already running" not in said[-1].err

    assert wait_for(is_told), said[-1]
    return said[-1]


def _conversation(terminal: int, keys: bytes) -> bytes:
    shown, end = b"", time.monotonic() + LIMIT
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown += piece
        if keys:
            os.write(terminal, keys)
            keys = b""
    return shown


def plain(data: bytes) -> str:
    text = data.decode(errors="backslashreplace").replace("\r\n", "\n")
    for pattern, word in OF_A_MOMENT:
        text = pattern.sub(word, text)
    return text


@dataclass
class Both:
    ours: Terminal
    theirs: Terminal
    replies: list[Outcome] = field(default_factory=list)  # dockerd's, one for each call so far
    _called: int = 0

    def __call__(
        self,
        *words: str,
        stdin: bytes = b"",
        keys: bytes | None = None,
        only: Callable[[str], object] = str,
    ) -> Outcome:
        """Our outcome, which is dockerd's; of the output, what ``only`` makes of it."""

        def on(terminal: Terminal) -> Outcome:
            if keys is not None:
                return terminal.typed(*words, keys=keys)
            return terminal.run(*words, stdin=stdin)

        theirs = self._reply(lambda: on(self.theirs))
        mine = on(self.ours)
        found, expected = (
            {"code": one.code, "out": only(one.out), "err": one.err} for one in (mine, theirs)
        )
        assert found == expected, f"docker {' '.join(words)}\n  ours {found}\n  dockerd {expected}"
        return mine

    def copied(self, name: str, path: str) -> dict[str, str]:
        """What ``docker cp NAME:PATH .`` leaves, by its name: a link's target, a file's content."""
        theirs = self._reply(lambda: Outcome(0, str(_copied(self.theirs, name, path)), ""))
        found = _copied(self.ours, name, path)
        assert str(found) == theirs.out
        return found

    def _reply(self, ask: Callable[[], Outcome]) -> Outcome:
        if self._called == len(self.replies):
            self.replies.append(ask())
        self._called += 1
        return self.replies[self._called - 1]


def _copied(terminal: Terminal, name: str, path: str) -> dict[str, str]:
    with _folder() as folder:
        made = terminal.run("cp", f"{name}:{path}", str(folder))
        assert made.code == 0, made.err
        found = {}
        for entry in sorted(folder.rglob("*")):
            key = str(entry.relative_to(folder))
            if entry.is_symlink():
                found[key] = f"-> {entry.readlink()}"
            else:
                found[key] = "folder" if entry.is_dir() else entry.read_text()
        return found


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
