"""A POSIX shell that lives across cells.

The container's first process is a keeper (``posix.KEEPER``); the shell is its child, reads
one cell after another from the attached standard input, and marks the end of each. When
the shell ends the keeper starts another in the same container.

    cell, mark ──→ attach ──→ shell ──→ channel ──→ switchboard ──→ output

A process of a cell that lives on and could still write keeps its channel: the next cell
gets another one (``_switch``), so what comes late mixes into nothing.

Knows: the life of a shell and of its cells. Does not know: magics, images.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

from ipycontainers import errors

from . import Ended, Notebook, posix
from .interrupt import Warden
from .remains import restored
from .spare import Spares
from .switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable

    from ipycontainers.client import Attachment, Connection
    from ipycontainers.exchange import Packed
    from ipycontainers.streams import Frame, Output

OPEN_SECONDS = 30.0
SWITCH_SECONDS = 5.0
# From each signal to the next, in seconds that the shell has; the last ends the shell as well.
STEPS = (("INT", 1.0), ("KILL", 0.6), ("SHELL", 5.0))
# Seconds of a step in which it is the warden that is waited for: under PRoot on a busy machine one
# look at all processes takes one, and a shell that had no time to answer would lose its state.
MOST_OF_WARDEN = 4.0
PAUSE = 0.1
SMALL = 1 << 16  # what a socket takes at once
FRESH = "a new one has begun, without its variables and functions, with the same files"
WITHOUT_FUNCTIONS = "a new one has its folder, variables and aliases, not its functions"


class ShellInterpreter:
    """``program`` is sh, bash or another POSIX shell of the image, with its own arguments.

    ``lost`` says of the last run, also of one that raised, why state is lost; "" if none is.
    """

    kind = "shell"

    def __init__(
        self,
        connection: Connection,
        container_id: str,
        attachment: Attachment,
        program: Sequence[str] = ("sh",),
    ) -> None:
        """``attachment`` was opened before the start, with standard input."""
        self.program = tuple(program)
        self.command = self.command_for(self.program)
        self.environment: Mapping[str, str] = {}
        self.lost = ""
        self._connection = connection
        self._container_id = container_id
        self._key = secrets.token_hex(16)
        self._board = Switchboard(attachment, self._key)
        self._spares = Spares(connection, container_id, self.program[0])
        self._crowded = False
        self._number = 0
        self._needle = ""
        self._bash = False
        self._shell = self._keeper = self._own = ""
        self._before: list[str] = []
        self._elders: list[str] = []
        self._writer: threading.Thread | None = None

    @staticmethod
    def command_for(program: Sequence[str]) -> tuple[str, ...]:
        """The argv of the container's first process."""
        return posix.command(tuple(program))

    @property
    def log(self) -> bytes:
        """The last output that belonged to no running cell."""
        return self._board.log.text().encode()

    def open(self) -> None:
        """Called once, after the start. Raises CellFailed where the program is no shell, and
        EngineError where it does not answer within 30 s."""
        self._board.main.begin()
        self._listen(self._to_log)
        try:
            self._send(f"{self._key}\n")
            self._prepare(0)
            if not self._ended(time.monotonic() + OPEN_SECONDS):
                self._fail(self._board.greeting.decode("utf-8", "replace"))
            self._before = self._elders
        finally:
            self._board.rest()

    def _fail(self, said: str) -> NoReturn:
        last = said.strip().rpartition("\n")[2][:200]
        reason = f": {last}" if last else ""
        if self._board.ended or self._board.died is not None:
            code = self._exit_code() or self._board.died or 1
            raise errors.CellFailed(
                f"{self.program[0]} ended as a session began{reason}",
                "a session needs a POSIX shell, such as sh or bash",
                exit_code=code,
            )
        raise errors.EngineError(
            f"{self.program[0]} is no shell that answers, after {OPEN_SECONDS:.0f} s{reason}",
            "a session needs a POSIX shell, such as sh or bash",
        )

    def run(
        self,
        code: str,
        output: Output,
        notebook: Notebook,  # noqa: ARG002  # a shell shows text only
        *,
        values: Mapping[str, Packed] | None = None,  # noqa: ARG002  # ``valued`` has seen to them
        wanted: Sequence[str] = (),  # noqa: ARG002
        deadline: float | None = None,
    ) -> Ended:
        """One cell. See ``Interpreter.run``."""
        if "\0" in code:
            raise errors.Invalid("the cell holds a NUL character, which no shell can read")
        self.lost = ""
        if self._board.ended:
            return self._gone()
        before = self._revive()
        self._switch()
        before = before or self._revive()
        self._listen(output.feed)
        try:
            self._send(posix.cell(code, self._needle, self._mark, bash=self._bash))
            words = self._finish(deadline)
        except (KeyboardInterrupt, errors.CellTimedOut):
            self._interrupt()
            raise
        finally:
            self._board.rest()
            self.lost = " ".join(filter(None, (before, self.lost)))
        if self._crowded:
            self._spares.prepare(self._board)
        return Ended(int(words[1]), lost=self.lost) if words else self._gone()

    def _gone(self) -> Ended:
        return Ended(self._exit_code() or 137, lost=self.lost, gone=True)

    def _exit_code(self) -> int:
        """Of the first process, 0 where nobody knows it."""
        with contextlib.suppress(errors.ContainerError, KeyError):
            return int(self._connection.inspect(self._container_id)["State"]["ExitCode"])
        return 0

    def close(self) -> None:
        """The container goes on; may be called twice."""
        self._spares.close()
        self._board.close()

    # Marks

    @property
    def _mark(self) -> str:
        return f"{self._needle} {self._number}"

    def _listen(self, take: Callable[[Frame], None]) -> None:
        self._needle, self._number = secrets.token_hex(16), 1
        self._board.listen(self._needle, take)

    def _ended(self, until: float | None) -> list[str]:
        """The number, exit code … of the end mark that was asked for last; [] as
        ``Switchboard.wait``."""
        words = self._board.wait(self._number, until)
        if words:
            self._crowded = words[2] == "1"
            self._elders = [path.removeprefix("/proc/") for path in words[3:]] or self._elders
        return words

    def _ask(self, line: str) -> None:
        """One more line, with a further mark: only the last one that was asked for counts."""
        self._number += 1
        self._send(f"\n{line} '{self._mark}'\n")

    def _send(self, text: str) -> None:
        """A long text is sent by a thread, since only what is sent whole may be interrupted."""
        data = text.encode("utf-8", "surrogateescape")
        if self._writer:
            self._writer.join()
            self._writer = None
        if len(data) <= SMALL:
            self._write(data)
            return
        self._writer = threading.Thread(
            target=self._write, args=(data,), name="ipycontainers-session-in", daemon=True
        )
        self._writer.start()

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the end of the streams tells it, too
            self._board.main.write(data)

    # The end of a cell, and of a shell

    def _finish(self, deadline: float | None) -> list[str]:
        """The words of the end mark; [] when the first process has ended."""
        while True:
            words = self._ended(deadline)
            if words or self._board.ended:
                return words
            if self._board.died is not None:
                self._replace()
            elif self._board.is_cut:
                self._board.current = self._board.main
                self._ask(f'{self._board.main.opening}; __ipyc_end "$__ipyc_code"')
            else:
                raise errors.CellTimedOut(
                    "the cell ran longer than --timeout allows", exit_code=124
                )

    def _replace(self) -> None:
        """A shell has ended: the next takes its place, and marks the end with the same code."""
        code, parts = self._board.successor()
        if not parts:
            self.lost = f"the shell ended with exit code {code}; {FRESH}"
        elif "bash" not in parts:
            self.lost = f"set -e ended the shell with exit code {code}; {WITHOUT_FUNCTIONS}"
        if self._board.current.over.is_set():
            self._board.current = self._board.main
        self._send(f"{self._key}\n")
        self._prepare(code, restored(parts) if parts else "")

    def _prepare(self, code: int, again: str = "") -> None:
        """Make a fresh shell ready; asks for an end mark with ``code``. What ran before the
        first shell is of no cell."""
        self._send(posix.prelude(self._key, self._board.current.opening, again))
        self._ask("__ipyc_ready")
        words = self._board.wait(self._number, time.monotonic() + OPEN_SECONDS)
        if words:
            self._shell, self._keeper, self._own = words[1:4]
            self._bash = words[4:] == ["bash"]
            before = " ".join(f"/proc/{process}" for process in self._before)
            self._ask(f"__ipyc_first {before}; __ipyc_end {code}")

    def _revive(self) -> str:
        """A shell that died between two cells is replaced before the second; says so."""
        if self._board.died is None:
            return ""
        self._listen(self._to_log)
        self._replace()
        self._ended(time.monotonic() + OPEN_SECONDS)
        self._board.rest()
        said, self.lost = self.lost, ""
        return said

    def _to_log(self, frame: Frame) -> None:
        self._board.log.add(frame.data)

    # Interrupts

    def _interrupt(self) -> None:
        """End the processes of the cell, within 3 s where the warden answers at once: SIGINT,
        SIGKILL, then the shell as well."""
        elders = self._elders  # before the marks to come tell of what the cell has left
        with Warden(self._connection, self._container_id, self._warden) as warden:
            with contextlib.suppress(KeyboardInterrupt):
                warden.wait()
            for signal, seconds in STEPS:
                # A further interrupt goes on to the next step.
                with contextlib.suppress(KeyboardInterrupt):
                    if self._yields(warden, signal, elders, seconds):
                        return
        with contextlib.suppress(errors.ContainerError):
            self._connection.kill(self._container_id)

    @property
    def _warden(self) -> tuple[str, ...]:
        traced = self._connection.launcher == "ptrace"
        text = posix.ASK_WARDEN if traced else posix.WARDEN
        return (self.program[0], "-c", text, "warden", self._keeper)

    def _yields(self, warden: Warden, signal: str, elders: Sequence[str], seconds: float) -> bool:
        """Whether nothing of the cell is left, and the shell waits for the next, after ``seconds``
        besides those that the warden took."""
        until = time.monotonic() + seconds
        latest = until + MOST_OF_WARDEN

        def tell(signal: str) -> int | None:
            nonlocal until
            asked = time.monotonic()
            # The shell may be another one meanwhile.
            left = warden.tell(signal, (self._shell, self._keeper, self._own, *elders))
            until = min(until + time.monotonic() - asked, latest)
            return left

        tell(signal)
        pause = PAUSE
        while time.monotonic() < until:
            self._ask("__ipyc_end 130")
            words = self._ended(min(until, time.monotonic() + pause))
            if self._board.ended:
                return True
            if self._board.died is not None:
                self._replace()
                if signal == "SHELL":
                    self.lost = f"the shell ignored the interrupt and was killed; {FRESH}"
                words = self._ended(time.monotonic() + OPEN_SECONDS)
            # Looked at after the mark: a signal on its way would cost the next cell its line.
            if words and tell("LOOK") == 0:
                return True
            if words:
                time.sleep(PAUSE)
            else:
                pause *= 2  # a slow shell would never answer the last of many questions
            if signal != "INT":
                tell("KILL")
        return False

    # Channels

    def _switch(self) -> None:
        """Give the next cell streams of its own, where a process of an earlier one could
        still write to the present ones. Where that cannot be had they are shared."""
        if not self._crowded:
            return
        channel = self._spares.take(self._free(), self._board)
        if channel is None:
            return
        before, self._board.current = self._board.current, channel
        self._listen(self._to_log)
        self._ask(f'__ipyc_code=$?; {channel.opening}; __ipyc_end "$__ipyc_code"')
        if self._ended(time.monotonic() + SWITCH_SECONDS):
            self._spares.retire(before)
        else:
            self._board.current = before
            if self._board.died is None:
                self._spares.give_up(channel)
            else:
                channel.close()
        self._board.rest()

    def _free(self) -> list[str]:
        """Of the channels used before, the holders of those that nobody can write to now."""
        words = self._spares.retired
        if not words:
            return []
        self._listen(self._to_log)
        mark = f"'{self._needle} {self._number}'"
        self._send(f"__ipyc_free {mark} {' '.join(words)}\n")
        words = self._board.wait(self._number, time.monotonic() + SWITCH_SECONDS)
        self._board.rest()
        return words[1:]
