"""Further channels for a session: one in reserve, and those in use by earlier cells.

A channel is a program beside the first process that does nothing but hold two streams open;
the shell opens them by /proc. To start one takes an engine some 0.1 s, so a thread does it
as soon as it is known that one will be needed.

Knows: how a channel is made. Does not know: when a cell needs one.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from ipycontainers import streams
from ipycontainers.errors import ContainerError

from .posix import HOLDER, PIPE_HOLDER

if TYPE_CHECKING:
    from ipycontainers.client import Connection

    from .channel import Channel
    from .switchboard import Switchboard

SECONDS = 5.0
RESERVE = 3  # of the channels that can be used again, so many stay


class Spares:
    """Of one session. Where a channel cannot be made, or not be used, there is none."""

    def __init__(self, connection: Connection, container_id: str, program: str) -> None:
        self._connection = connection
        self._container_id = container_id
        self._program = program
        self._retired: list[Channel] = []
        self._spare: Channel | None = None
        self._thread: threading.Thread | None = None
        self._useless = False

    @property
    def retired(self) -> list[str]:
        """Holder and paths of each channel that was in use, one after another."""
        return [word for one in self._retired for word in (one.holder, *one.paths)]

    def prepare(self, board: Switchboard) -> None:
        """Begin to make a spare channel, unless there is one."""
        if self._spare or self._thread or self._useless:
            return
        self._thread = threading.Thread(
            target=self._make, args=(board,), name="ipycontainers-session-spare", daemon=True
        )
        self._thread.start()

    def _make(self, board: Switchboard) -> None:
        holder = PIPE_HOLDER if self._connection.launcher == "ptrace" else HOLDER
        command = (self._program, "-c", holder)
        with contextlib.suppress(ContainerError, OSError, ValueError):
            program = self._connection.execute(self._container_id, command, stdin=True)
            said: list[str] = []
            text = b""
            for batch in streams.batches(program.read):
                text += b"".join(frame.data for frame in batch)
                if len(said := text.decode().split()) == 3 and text.endswith(b"\n"):
                    break
            if len(said) == 3 and said[0].isdigit():
                self._spare = board.channel(program, said[0], (said[1], said[2]))
                self._spare.begin()
            else:
                program.close()

    def take(self, free: list[str], board: Switchboard) -> Channel | None:
        """A channel that nobody else can write to; ``free`` are holders among ``retired``."""
        again = [one for one in self._retired if one.holder in free]
        self._retired = [one for one in self._retired if one.holder not in free]
        usable = [one for one in again if not one.over.is_set()]
        self._retired += usable[1:RESERVE]
        for channel in again:
            if channel not in usable[:RESERVE]:
                channel.close()
        if usable:
            return usable[0]
        for _ in range(2):  # a busy engine may fail once
            self.prepare(board)
            if self._thread:
                self._thread.join(SECONDS)
                self._thread = None
            if self._spare:
                break
        channel_made, self._spare = self._spare, None
        return channel_made

    def retire(self, channel: Channel) -> None:
        """It was in use, and a process of its cell lives on."""
        if channel.holder:
            self._retired.append(channel)

    def give_up(self, channel: Channel) -> None:
        """The shell cannot open such channels here."""
        self._useless = True
        channel.close()

    def close(self) -> None:
        """The holders end, since the end of their input ends them."""
        if self._thread:
            self._thread.join(SECONDS)
        for channel in (*self._retired, self._spare):
            if channel:
                channel.close()
        self._retired, self._spare = [], None
