"""Layers on their way, each once, whoever waits for it.

    transfers = Transfers()
    transfer = transfers.join(key, work, heard)     begins, or joins what was begun
    transfer.wait(…)                                raises what ``work`` raised
    transfers.leave(transfer, heard)                when the last has left, it is cancelled

At most ``AT_ONCE`` are at work, of all pulls together, as in dockerd; others wait their turn.

Knows: threads, who listens. Does not know: what the work is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from ipycontainers.errors import ContainerError

AT_ONCE = 3  # dockerd's max-concurrent-downloads


@dataclass(frozen=True)
class Step:
    """What has just become of a layer. Bytes; None where there are none.

    A note is of the whole, ``id`` is a tag then, or empty.
    """

    status: str
    id: str = ""
    current: int | None = None
    total: int | None = None
    is_note: bool = False
    aux: Mapping[str, object] | None = None  # what a program wants to read of it

    @classmethod
    def note(
        cls,
        status: str,
        id: str = "",  # noqa: A002
        aux: Mapping[str, object] | None = None,
    ) -> Step:
        return cls(status, id, is_note=True, aux=aux)


Heard = Callable[[Step], object]
"""Called in any thread; must not wait."""


class Cancelled(ContainerError):
    """Nobody waits for it any more."""


class Transfer:
    """One piece of work and who waits for it."""

    def __init__(self, key: Hashable, work: Callable[[Transfer], None], id: str) -> None:  # noqa: A002
        self.key = key
        self.id = id
        self.cancelled = threading.Event()
        self.on_cancel: Callable[[], object] = bool  # what else is to be done then, quickly
        self._work = work
        self._ended = threading.Event()
        self._error: BaseException | None = None
        self._lock = threading.Lock()
        self._heard: list[Heard] = []
        self._latest: Step | None = None

    def tell(self, status: str, current: int | None = None, total: int | None = None) -> None:
        """To all who wait. Raises Cancelled when there is nobody."""
        self.check()
        step = Step(status, self.id, current, total)
        with self._lock:
            self._latest = step
            for heard in self._heard:
                heard(step)

    def check(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled("the pull was cancelled")

    def pause(self, seconds: float) -> None:
        """Raises Cancelled at once when nobody waits any more."""
        self.cancelled.wait(seconds)
        self.check()

    def add(self, heard: Heard) -> None:
        with self._lock:
            if self._latest:
                heard(self._latest)
            self._heard.append(heard)

    def drop(self, heard: Heard) -> bool:
        """Whether nobody is left."""
        with self._lock:
            if heard in self._heard:
                self._heard.remove(heard)
            return not self._heard

    def cancel(self) -> None:
        self.cancelled.set()
        self.on_cancel()

    def run(self) -> None:
        try:
            self.check()
            self._work(self)
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._error = error
        finally:
            self._ended.set()

    def wait(self, seconds: float) -> bool:
        """Whether it has ended. Raises what ended it."""
        ended = self._ended.wait(seconds)
        if ended and self._error:
            raise self._error
        return ended


class Transfers:
    """Safe to use from several threads. Its own are daemons: an engine leaves without them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Hashable, Transfer] = {}
        self._queue: deque[Transfer] = deque()
        self._workers = 0

    def join(
        self,
        key: Hashable,
        work: Callable[[Transfer], None],
        id: str,  # noqa: A002
        heard: Heard,
    ) -> Transfer:
        """``work`` is not called when the same ``key`` is under way already."""
        with self._lock:
            transfer = self._known.get(key)
            if transfer is None or transfer.cancelled.is_set():
                transfer = self._known[key] = Transfer(key, work, id)
                self._queue.append(transfer)
                if self._workers < AT_ONCE:
                    self._workers += 1
                    threading.Thread(target=self._run, name="transfers", daemon=True).start()
                else:
                    transfer.tell("Waiting")
            transfer.add(heard)
        return transfer

    def leave(self, transfer: Transfer, heard: Heard) -> None:
        """Idempotent."""
        with self._lock:
            if transfer.drop(heard):
                self._forget(transfer)
                transfer.cancel()

    def close(self) -> None:
        """Cancel all that is under way."""
        with self._lock:
            for transfer in self._known.values():
                transfer.cancel()

    def _forget(self, transfer: Transfer) -> None:
        if self._known.get(transfer.key) is transfer:
            del self._known[transfer.key]

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._workers -= 1
                    return
                transfer = self._queue.popleft()
            transfer.run()
            with self._lock:
                self._forget(transfer)
