"""One use of %%container, from its parsed line to the cell's outcome.

Knows: the notebook's variables and streams, which module does what. Does not know:
docker-py, HTTP, how a magic is registered.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ipycontainers import (
    background,
    cell,
    display,
    interpreter,
    options,
    outcome,
    streams,
    watchdog,
)
from ipycontainers.creation import Plan, image_config
from ipycontainers.errors import (
    CellFailed,
    CellTimedOut,
    ContainerError,
    EngineError,
    EngineUnavailable,
    Invalid,
    shown_as,
)

from . import values
from .docker_command import docker_command
from .progress import pull_progress
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from ipycontainers.client import Connection, PullProgress
    from ipycontainers.interpreter import Invocation
    from ipycontainers.options import RunOptions

    from .container import ContainerMagics

SHOWN_CHANGES = 1000


def parse(line: str, variables: dict[str, Any]) -> RunOptions:
    """The options of a magic's line; ``{name}`` stands for a variable. Raises Invalid."""
    return options.parse(options.expand(options.split(line), variables))


def of(magics: ContainerMagics, given: RunOptions, body: str | None) -> CellRun:
    """Of a container of the cell's own, or with -s of a session's."""
    if body is None and (given.inputs or given.outputs):
        raise Invalid(
            "a line has no text that could take values: -i and -o are for a cell",
            "%%container, and the program's text below it",
        )
    if given.session:
        from .session import SessionRun

        return SessionRun(magics, given, body)
    return CellRun(magics, given, body)


class CellRun:
    """One use of the magic, from its parsed line to the cell's outcome."""

    def __init__(self, magics: ContainerMagics, given: RunOptions, body: str | None) -> None:
        self._magics = magics
        self._variables: dict[str, Any] = magics.shell.user_ns
        self._given = given
        self._body = body
        self._interpreter: interpreter.Interpreter | None = None
        self._invoked: Invocation | None = None
        self._values = Values(given, self._variables)
        self._captured: dict[str, streams.Capture] = {}
        self._traits = options.EngineTraits()
        self.value: object = None

    def run(self) -> int:
        """The program's exit code, where the cell does not fail for it.

        Raises ContainerError, in a line and a hint, and KeyboardInterrupt, in a line.
        """
        given = self._given
        try:
            self._values.pack()
            self._connection = self._magics.connect()
            self._traits = self._engine_traits()
            plan = self._plan()
            if given.bg:
                return self._run_in_background(plan)
            return self._run_in_foreground(plan)
        except KeyboardInterrupt as error:
            raise interrupted(error) from None
        except EngineUnavailable:
            raise
        except ContainerError as error:
            raise self._explained(error) from error

    def _engine_traits(self) -> options.EngineTraits:
        given = self._given
        meets_files = given.here or given.texts("volume") or given.texts("mount")
        return engine_traits(self._connection, meets_files=bool(meets_files))

    def _run_in_foreground(self, plan: Plan) -> int:
        output = self._output()
        try:
            result = cell.run(
                self._connection, plan, output, timeout=self._given.timeout, pulling=self._pulling
            )
        finally:
            self._assign()
            self._warn(*self._given.warnings(self._magics.folder))
        return self._report(plan, result, output)

    def _plan(self) -> Plan:
        given = self._given
        stdin = self._stdin()
        entrypoint, command, file = None, given.command, None
        if self._body is not None:
            self._invoked = invocation = self._invocation(
                self._body, stdin_taken=stdin is not None or given.detach
            )
            entrypoint, command, file = invocation.entrypoint, invocation.command, invocation.file
            stdin = invocation.stdin if stdin is None else stdin
        config = given.create_config(
            entrypoint=entrypoint,
            command=command,
            folder=self._magics.folder,
            environ=os.environ,
            traits=self._traits,
            labels=watchdog.labels(self._magics.notebook, keep=given.keep or given.detach),
            stdin=stdin is not None,
            defaults=_defaults(entrypoint, command),
        )
        return Plan(
            config,
            name=given.name,
            platform=given.platform,
            pull=given.pull,
            stdin=stdin,
            file=file,
            tty=given.tty,
            keep=given.keep,
            detach=given.detach,
            diff=given.diff,
            unenforced=given.flag("unenforced"),
            archive=self._values.archive,
            wanted=self._values.wanted,
            limit=given.output_limit,
        )

    def _invocation(self, body: str, *, stdin_taken: bool) -> Invocation:
        words = [
            *([self._given.entrypoint] if self._given.entrypoint else []),
            *self._given.command,
        ]
        image: dict[str, Any] = {}
        if not words and not interpreter.of_shebang(body):
            image = image_config(
                self._connection,
                self._given.image,
                platform=self._given.platform,
                pull=self._given.pull,
                pulling=self._pulling,
            )
        self._interpreter = interpreter.choose(words, body, image)
        if (self._given.inputs or self._given.outputs) and not self._given.session:
            body = self._values.wrap(body, self._interpreter)
        return self._interpreter.invocation(body, stdin_taken=stdin_taken)

    def _pulling(self) -> AbstractContextManager[Callable[[PullProgress], None] | None]:
        alone = self._body is not None
        return pull_progress(self._magics.shell, self._given.image, alone=alone)

    def _stdin(self) -> bytes | None:
        """What --stdin names: a variable of text or bytes, else a file."""
        name = self._given.stdin
        return None if name is None else standard_input(name, self._variables, self._magics.folder)

    def _output(self) -> streams.Output:
        """Both streams shown, or into variables, which may be one and the same."""
        shown = display.Display(display.Interleaved(notebook_file))
        names = (self._given.out, self._given.err)
        self._captured = {name: streams.Capture() for name in names if name}
        sinks = [self._captured[name] if name else shown for name in names]
        return streams.Output(*sinks, tty=self._given.tty)

    def _assign(self) -> None:
        for name, capture in self._captured.items():
            self._variables[name] = capture.text()
            if capture.lost:
                print(
                    f"{name} holds the first part only: {capture.lost:,} bytes were dropped",
                    file=sys.stderr,
                )

    def _warn(self, *sentences: str) -> None:
        """Each time, but for what is so of every container: that once in a kernel."""
        for sentence in sentences:
            lack = self._connection.network_lack
            if lack and sentence.endswith(f": {lack}"):
                if sentence in self._magics.told:
                    continue
                self._magics.told.add(sentence)
            print(f"warning: {sentence}", file=sys.stderr)

    def _run_in_background(self, plan: Plan) -> int:
        given = self._given
        names = (given.out, given.err)
        pipes = {name: streams.Pipe() for name in names if name}
        sinks = [pipes[name] if name else streams.Discard() for name in names]
        output = streams.Output(*sinks, tty=given.tty)
        job = background.Background(
            self._connection, plan, output, given.timeout, self._background_ended
        )
        job.start(self._pulling)
        self._warn(*given.warnings(self._magics.folder))
        for name, pipe in pipes.items():
            self._variables[name] = pipe.reader
        if given.proc:
            self._variables[given.proc] = job
        return 0

    def _background_ended(self, job: background.Background) -> None:
        """A failure that nobody holds a handle to is said, not lost."""
        if job.returncode and not self._given.proc:
            print(f"{job!r}", file=sys.stderr)

    def _report(self, plan: Plan, result: cell.CellResult, output: streams.Output) -> int:
        self._warn(*result.warnings)
        if plan.detach:
            print(result.container_id)
        for kind, path in result.changes[:SHOWN_CHANGES]:
            print(kind, _on_one_line(path))
        if len(result.changes) > SHOWN_CHANGES:
            print(f"… and {len(result.changes) - SHOWN_CHANGES:,} more")
        if result.cut:
            raise EngineError(
                "the connection to the engine broke while the cell ran, so output may be missing; "
                f"the program itself ended with exit code {result.exit_code}",
                "run the cell again; --keep keeps a container and its logs",
            )
        if collected := result.collected:
            self._values.take(collected.values)
        if result.exit_code and self._given.raise_error:
            raise self._failure(result, output)
        if collected:
            values.check(collected.unset, collected.refused, collected.advice)
        return result.exit_code

    def _failure(self, result: cell.CellResult, output: streams.Output) -> CellFailed:
        hint = ""
        if self._interpreter and self._body is not None:
            hint = interpreter.wrong_language_hint(
                self._interpreter, self._body, output.last_error_text(), self._given.image
            )
        return outcome.failure(
            result.exit_code,
            self._given.image,
            oom_killed=result.oom_killed,
            memory=self._given.last("memory") or "",
            hint=hint,
        )

    def _explained(self, error: ContainerError) -> ContainerError:
        """The error with what a notebook's reader can do about it."""
        given, code = self._given, getattr(error, "exit_code", None)
        if isinstance(error, CellTimedOut):
            error.message = (
                f"the cell ran longer than --timeout {given.timeout:g} s; "
                "all its processes were ended"
            )
            return error
        if code == 127 and isinstance(error, CellFailed) and error.__cause__:
            error = self._without_program(error)
        elif isinstance(error, CellFailed) and error.__cause__:
            error.message = f"exit code {code} in {given.image}: {error.message}"
        if not isinstance(error, Invalid) and self._values.archive is None:
            error.command = docker_command(
                given, self._invoked, self._body, self._variables, self._magics.folder, self._traits
            )
        return error

    def _without_program(self, error: CellFailed) -> CellFailed:
        """The image lacks the program: name it, and one that it may have."""
        words = self._interpreter.words if self._interpreter else self._given.command
        if not words:
            return error
        hint = "--entrypoint names a program of the image" if self._given.entrypoint else ""
        if self._interpreter and not hint:
            is_sh = words[0].rsplit("/", 1)[-1] == "sh"
            other, word = ("another that the image has", "PROGRAM") if is_sh else ("sh", "sh")
            hint = f"name {other}: %%container {self._given.image} {word}"
        message = f"exit code 127: {self._given.image} has no program {words[0]!r}"
        return CellFailed(message, hint, exit_code=127)


def standard_input(name: str, variables: Mapping[str, Any], folder: Path) -> bytes:
    """What --stdin names: a variable of text or bytes, else a file. Raises Invalid."""
    if name in variables:
        value = variables[name]
        if isinstance(value, str):
            return interpreter.encoded(value, f"--stdin {name}")
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        raise Invalid(f"--stdin {name} is a {type(value).__name__}, not text or bytes")
    path = folder / Path(name).expanduser()
    try:
        return path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"--stdin {name}: no such variable, and {path}: {error.strerror}",
            "name a variable of str or bytes, or a file",
        ) from error


def _defaults(entrypoint: tuple[str, ...] | None, command: tuple[str, ...]) -> dict[str, str]:
    """Variables that yield to the user's own: Python writes at once, as its notebook does."""
    python = interpreter.language_of([*(entrypoint or ()), *command]) == "python"
    return {"PYTHONUNBUFFERED": "1"} if python else {}


def engine_traits(connection: Connection, *, meets_files: bool) -> options.EngineTraits:
    """What this engine says of itself. How it shares files costs a request, once."""
    podman = connection.engine_name == "Podman"
    if not meets_files:
        return options.EngineTraits(podman=podman)
    told = " ".join(str(one) for one in connection.info().get("SecurityOptions") or ())
    return options.EngineTraits(
        shares_files=connection.shares_files,
        rootless=connection.is_rootless,
        selinux="name=selinux" in told,
        userns_remap="name=userns" in told,
        podman=podman,
    )


def notebook_file(stream: str) -> IO[str]:
    return sys.stdout if stream == streams.STDOUT else sys.stderr


def interrupted(error: KeyboardInterrupt) -> BaseException:
    return shown_as(error, "KeyboardInterrupt: the cell was interrupted, and nothing of it runs on")


def _on_one_line(path: str) -> str:
    """A path whose name cannot pass for another line."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)
