"""The processes of a cell, found and signalled from inside the container.

No engine can signal a program beside the first process (moby#35703), nor tell which
processes a cell has begun; ``posix.WARDEN`` can.

Knows: how the warden is asked. Does not know: when to signal what.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import secrets
import time
from typing import TYPE_CHECKING

from ipycontainers.errors import ContainerError

from .channel import Channel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Self

    from ipycontainers.client import Connection
    from ipycontainers.streams import Frame

START_SECONDS = 2.0
SECONDS = 3.0  # within which it answers, or the interrupt goes on without it


class Warden:
    """Runs as long as a ``with`` block. Where it cannot run, ``tell`` answers None."""

    def __init__(self, connection: Connection, container_id: str, command: Sequence[str]) -> None:
        self._answers: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._numbers = (secrets.token_hex(8) for _ in itertools.count())
        self._said = b""
        self._channel: Channel | None = None
        with contextlib.suppress(ContainerError):
            program = connection.execute(container_id, command, stdin=True)
            self._channel = Channel(program, self._deliver)
            self._channel.begin()

    def _deliver(self, _channel: Channel, batch: list[Frame] | None) -> None:
        if batch is None:
            self._answers.put([])
        self._said += b"".join(frame.data for frame in batch or ())
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            self._answers.put(line.decode("utf-8", "replace").split())

    def wait(self) -> None:
        """Until it answers, 2 s at most: on a busy machine an engine takes its time."""
        self._ask("HELLO", (), START_SECONDS)

    def tell(self, signal: str, of: Sequence[str]) -> int | None:
        """How many processes of the cell there are; they have been sent ``signal``.

        ``signal``: INT, KILL; LOOK sends none; SHELL is KILL for the shell too. ``of``: the
        words of an order (``posix``): the shell … and the processes that were there before the
        cell. They and their children are not of it.
        """
        return self._ask(signal, of, SECONDS)

    def _ask(self, signal: str, of: Sequence[str], seconds: float) -> int | None:
        if not self._channel or self._channel.over.is_set():
            return None
        number = next(self._numbers)
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError, queue.Empty):
            self._channel.write(f"{number} {signal} {' '.join(of)}\n".encode())
            while words := self._answers.get(timeout=max(0.0, until - time.monotonic())):
                if words[0] == number and words[-1].isdigit():
                    return int(words[-1])
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._channel:
            self._channel.close()
