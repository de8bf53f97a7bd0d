"""Verbs of %docker and of the real docker command, told apart: what each prints, on one engine.

    compare(address, "pause A", "unpause A")

A story is lines as somebody types them. It is told twice on the same engine, by docker and by
%docker, each time from the same beginning, and each line has to print the same on the same stream
and to end with the same code.

Knows: both commands, what of their output is of a moment. Does not know: pytest, launchers.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from docker.errors import APIError
from engine.docker_command import BUILT, DEBIAN, RAN, Outcome, Terminal, alone, plain

from ipycontainers import commands
from ipycontainers.errors import CommandFailed

IMAGE = "ipycontainers-test/busybox"
TAGS = ("1", "2", "imported", "built")
_FOLDER = re.compile(r"/[^\s\"]*/(ours|theirs)(?=/)")
# Beside docker's own lines ours says what a code of 127 means, and a hint.
OURS = re.compile(r"^(exit code \d+ in .*)\n", re.MULTILINE)


@dataclass
class Ours:
    """%docker without a notebook."""

    connection: Any
    folder: Path
    variables: dict[str, bytes] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)  # as of a Terminal
    ran: list[str] = field(default_factory=list)

    def run(self, *words: str) -> Outcome:
        out: list[str] = []
        err: list[str] = []
        code = 0
        try:
            call = commands.parse(words)
            console = commands.Console(
                self.connection,
                out.append,
                err.append,
                self.folder,
                read=lambda name: self.variables[name],
                pulling=lambda _: nullcontext(None),
            )
            result = call.verb.handler()(call, console)
            out.append(result.text if result is not None else "")
        except CommandFailed as error:
            code = error.exit_code
            err.append(f"{error.message}\n")
        told = OURS.sub("", "".join(err))
        said = "".join(out) + told
        self.told.extend(BUILT.findall(said))
        self.ran.extend(RAN.findall(said))
        return Outcome(code, plain("".join(out).encode()), plain(told.encode()))


def docker(terminal: Terminal, *words: str, stdin: bytes, folder: Path) -> Outcome:
    """The real one, which calls itself by its path."""
    made = terminal.run(*words, stdin=stdin, cwd=str(folder))
    return Outcome(made.code, made.out, made.err.replace(DEBIAN, "docker"))


def clear(docker: Any, own: str) -> None:
    """Nothing is left of the story whose things are called so. By docker-py, which is there: to
    start the docker command takes longer than most of what it is asked."""
    api = docker.api
    for name in (f"{own}-a", f"{own}-b"):
        for remove in (
            partial(api.remove_container, name, force=True, v=True),
            partial(api.remove_volume, name, force=True),
            partial(api.remove_network, name),
        ):
            with suppress(APIError):  # there is none
                remove()
    for tag in TAGS:
        with suppress(APIError):
            api.remove_image(f"{own}:{tag}", force=True)


@dataclass
class Story:
    """``only`` is what of the outputs has to agree, by the words that begin a line."""

    lines: Sequence[str]
    given: bytes = b""
    only: dict[str, Callable[[str], object]] = field(default_factory=dict)

    def compare(self, name: str, terminal: Terminal, connection: Any, folder: Path) -> None:
        """``terminal`` is docker's on that engine, and hears of all that is built. Stories of
        different names may be told at the same time, and by several test runs."""
        self._compare(f"ipyc-{name}-{os.getpid()}", terminal, connection, folder)

    def _compare(self, own: str, terminal: Terminal, connection: Any, folder: Path) -> None:
        given = {"given": self.given}
        ours = Ours(connection, _made(folder / "ours"), given, terminal.told, terminal.ran)
        theirs = _made(folder / "theirs")
        with _cleared(connection.docker, own):
            expected = [
                docker(terminal, *words, stdin=self.given, folder=theirs)
                for words in self._words(own)
            ]
        with _cleared(connection.docker, own):
            found = [
                alone(partial(ours.run, *words)) for words in self._words(own, with_stdin=True)
            ]
        told = zip(self.lines, self._words(own), expected, found, strict=True)
        wrong = [
            f"docker {line}\n  docker {wanted}\n  ours   {mine}"
            for line, words, wanted, mine in told
            if self._compared(words, wanted) != self._compared(words, mine)
        ]
        assert not wrong, "\n".join(wrong)
        differ = listed(folder / "ours").items() ^ listed(folder / "theirs").items()
        assert not differ, differ

    def _compared(self, words: Sequence[str], said: Outcome) -> object:
        line = " ".join(words)
        found = (only for start, only in self.only.items() if line.startswith(start))
        plain_lines = (text.replace("\r\n", "\n") for text in (said.out, said.err))
        out, err = (_FOLDER.sub("HERE", text) for text in plain_lines)
        # Layers come in any order, and we tell of them otherwise.
        err = "".join(line for line in err.splitlines(True) if not line.startswith("SHORT: "))
        return said.code, next(found, str)(out), err

    def _words(self, own: str, *, with_stdin: bool = False) -> Iterator[list[str]]:
        for line in self.lines:
            text = line.replace("IMAGE", IMAGE).replace("ipyc-act", own)
            words = [
                re.sub(r"\b[AB]\b", lambda found: f"{own}-{found[0].lower()}", word)
                for word in shlex.split(text)
            ]
            at = words.index("<") if "<" in words else 0
            if at and with_stdin:
                verb = 2 if words[0] in {"container", "image"} else 1
                words[verb:verb] = ["--stdin", "given"]
            yield [word for word in words if word != "<"]


def listed(folder: Path) -> dict[str, str]:
    """What lies in a folder: path → kind, mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            found[str(path.relative_to(folder))] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[str(path.relative_to(folder))] = f"folder {mode:o}"
        elif path.is_fifo():
            found[str(path.relative_to(folder))] = f"fifo {mode:o}"
        elif path.suffix == ".tar":
            found[str(path.relative_to(folder))] = "tar"
        else:
            found[str(path.relative_to(folder))] = f"{mode:o} {plain(path.read_bytes())!r}"
    return found


def _made(folder: Path) -> Path:
    """With the files that stories copy and build."""
    (folder / "in" / "deep").mkdir(parents=True)
    (folder / "in" / "file").write_text("from here")
    (folder / "in" / "deep" / "run").write_text("#!/bin/sh\n")
    (folder / "in" / "deep" / "run").chmod(0o755)
    (folder / "in" / "link").symlink_to("file")
    (folder / "there").mkdir()
    (folder / "full").write_text("old")
    (folder / "context").mkdir()
    (folder / "context" / "Dockerfile").write_text(
        f"FROM {IMAGE}\nARG WHO=me\nCOPY given /given\nRUN echo hi $WHO\n"
    )
    (folder / "context" / "given").write_text("given")
    (folder / "context" / "Failing").write_text(f"FROM {IMAGE}\nRUN echo why; exit 3\n")
    (folder / "null").symlink_to("/dev/null")
    (folder / "env").write_text("FROM_FILE=x y\n# no line\nX=1\n")
    ignoring = folder / "ignoring"
    (ignoring / "sub").mkdir(parents=True)
    text = f"FROM {IMAGE}\nCOPY . /all\nRUN find /all | sort; cat /all/.dockerignore\n"
    (ignoring / "Dockerfile").write_text(text)
    (ignoring / "sub" / "Other").write_text(text)
    (ignoring / ".dockerignore").write_text("Dockerfile\n*.log\n!kept.log\n")
    for name in ("gone.log", "kept.log", "there"):
        (ignoring / name).write_text(name)
    return folder


@contextmanager
def _cleared(docker: Any, own: str) -> Iterator[None]:
    clear(docker, own)
    try:
        yield
    finally:
        clear(docker, own)


@dataclass(frozen=True)
class Configured(Terminal):
    """Where the docker command has a folder of settings."""

    config: str = ""

    def _environ(self) -> dict[str, str]:
        return {**super()._environ(), "DOCKER_CONFIG": self.config}
