"""How a container ended: its exit code as soon as the engine knows it.

``POST /wait`` answers about 45 ms late on dockerd 20.10, because it waits for the
lock that tearing down the network holds. The ``die`` event is sent at the moment of
the end and carries the code. So a watch listens for events from before the start, and
asks ``wait`` only when the events do not tell: the stream broke, or nothing came for
``PATIENCE`` seconds after somebody began to wait for the result. On Podman 4.3 both come
some 220 ms after the output ends.

Knows: the events of Docker ("die", exitCode) and Podman ("died", containerExitCode).
Does not know: what a code means to a cell.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ipycontainers import errors

from .stream import Stream
from .translate import STILL_THERE, Json

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 2.0
DIED = ("die", "died")
CODES = ("exitCode", "containerExitCode")
# A stream that its other end, or another thread of ours, has closed.
BROKEN = (OSError, ValueError, http.client.HTTPException)
KILLED = 137  # 128 + SIGKILL: the only code that the kernel's out-of-memory killer leaves
# containerd may tell dockerd why after the end (its pull request 12714): seconds to wait for that,
# and between two looks. What it has lost by then is lost.
AFTER, EVERY = 0.5, 0.05


@dataclass(frozen=True)
class Exit:
    code: int
    oom_killed: bool


class ExitWatch:
    """The result of one container; ``close`` it, or use it as a context manager."""

    def __init__(
        self,
        events: Stream,
        wait: Callable[[], Stream],
        inspect: Callable[[], Json],
    ) -> None:
        """``events`` is open already. ``wait`` and ``inspect`` are called from a thread of the
        watch: ``wait`` at most once, and what it raises comes out of ``result``; ``inspect`` only
        after code 137, once, and for ``AFTER`` seconds where the container's memory is limited."""
        self._events = events
        self._open_wait = wait
        self._inspect = inspect
        self._oom = False
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._exit: Exit | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._broke = False
        self._heard = False
        self._waited_since = 0.0
        self._streams = [events]
        self._threads: list[threading.Thread] = []
        self._spawn(self._follow_events)

    def result(self, timeout: float | None = None) -> Exit | None:
        """Waits for the end; None: not within ``timeout``. Call it after the start.

        Raises NotFound when the container was removed before its code was seen, and
        EngineUnavailable when the engine is gone.
        """
        now = time.monotonic()
        self._waited_since = self._waited_since or now
        patience = max(0.0, self._waited_since + PATIENCE - now)
        if timeout is not None and timeout < patience:
            self._done.wait(timeout)
        elif not self._done.wait(patience):
            self._ask()
            self._done.wait(None if timeout is None else timeout - patience)
        if self._error:
            raise self._error
        return self._exit

    @property
    def is_over(self) -> bool:
        """Whether ``result`` has an answer by now; asks nobody."""
        return self._done.is_set()

    @property
    def broke(self) -> bool:
        """Whether the stream of events ended before it told the end: it, and so perhaps the
        container's output, which looks just as an end does, was cut on the way."""
        return self._broke

    def close(self) -> None:
        """Ends the requests and threads of the watch; never waits for the container."""
        with self._lock:
            self._closed = True
            streams, threads = list(self._streams), list(self._threads)
        for stream in streams:
            stream.close()
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name="ipycontainers-exit", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _follow_events(self) -> None:
        code = None
        # Closed by us, or by an engine that ends, or no event as we know them.
        with contextlib.suppress(*BROKEN, AttributeError):
            code = self._code_of_events()
        if code is None:
            self._broke = not (self._heard or self._closed)
            self._ask()
        else:
            self._found(code)

    def _code_of_events(self) -> int | None:
        for event in self._events.lines():
            action = event.get("Action") or event.get("status")
            if action == "oom":
                self._oom = True
            if action in DIED:
                self._heard = True
                attributes = event.get("Actor", {}).get("Attributes", {})
                codes = [attributes[name] for name in CODES if name in attributes]
                return int(codes[0]) if codes else None
        return None

    def _ask(self) -> None:
        with self._lock:
            if self._closed or self._done.is_set() or len(self._threads) > 1:
                return
            self._spawn(self._wait)

    def _wait(self) -> None:
        try:
            with self._open_wait() as stream:
                with self._lock:
                    if self._closed:
                        return
                    self._streams.append(stream)
                self._found(int(stream.json()["StatusCode"]))
        except (*BROKEN, AttributeError, KeyError, errors.ContainerError) as error:
            self._failed(error)

    def _found(self, code: int) -> None:
        if code == KILLED and not self._oom:
            self._oom = self._was_oom_killed()
        with self._lock:
            if not self._done.is_set():
                self._exit = Exit(code, self._oom)
                self._done.set()

    def _was_oom_killed(self) -> bool:
        end = time.monotonic() + AFTER
        try:
            while not (found := self._inspect())["State"].get("OOMKilled"):
                is_limited = bool(found.get("HostConfig", {}).get("Memory"))
                if not is_limited or self._closed or time.monotonic() >= end:
                    return False
                time.sleep(EVERY)
        except (errors.ContainerError, KeyError):
            return False  # removed already: nobody knows any more
        return True

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, errors.ContainerError):
            gone = errors.NoEngine(
                "the connection to the engine broke while the container ran", STILL_THERE
            )
            gone.__cause__ = error
            error = gone
        with self._lock:
            if not self._done.is_set() and not self._closed:
                self._error = error
                self._done.set()
