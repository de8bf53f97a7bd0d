"""Widgets that follow what happens: they are drawn again at most four times a second.

Only while somebody looks: a view says that it was opened and, every few seconds, that it is
still there. Where none has said so for a while, as when the page was closed or its machine
sleeps, the widget rests until one does. What a view says may be heard between cells only, so that
time of a cell that runs does not count.

Knows: views, the clock. Does not know: what is followed.
"""

from __future__ import annotations

import threading
import time

from . import cells
from .widget import Widget

LEAST = 0.25  # seconds from one drawing to the next
SILENT = 20.0  # seconds of a kernel at rest after which a view is gone


class Live(Widget):
    """Follows by ``look``, which is called in a thread of its own while somebody looks."""

    def __init__(self) -> None:
        super().__init__()
        self._views = _Views()
        self._changes = threading.Lock()
        self._following: threading.Thread | None = None

    def look(self) -> float:
        """See what is so now; returns the seconds after which to look again."""
        raise NotImplementedError

    def rest(self) -> None:
        """Nobody looks any more: let go of what was held for it."""

    def wait(self, seconds: float) -> None:
        """Until there is something to see, ``wake`` was called, or the time is over."""
        self._views.wait(seconds)

    def wake(self) -> None:
        """Ends ``wait``; called from other threads."""

    def close(self) -> None:
        self._views.close()
        self.wake()
        super().close()

    def _handle_custom_msg(self, content: object, buffers: object) -> None:
        told = content if isinstance(content, dict) else {}
        if (view := told.get("view")) in ("opened", "alive", "closed"):
            self._views.hear(str(told.get("name")), view)
            self._begin()
            if view == "closed":
                self.wake()
        else:
            super()._handle_custom_msg(content, buffers)

    def _begin(self) -> None:
        with self._changes:
            if self._following or not self._views.looks():
                return
            self._following = threading.Thread(
                target=self._follow, name=f"ipycontainers {self!r}", daemon=True
            )
            self._following.start()

    def _follow(self) -> None:
        try:
            while self._goes_on():
                began = time.monotonic()
                pause = self.look()
                self.redraw()
                self.wait(max(LEAST, pause - (time.monotonic() - began)))
                # What there is to see may have come at once.
                self._views.wait(LEAST - (time.monotonic() - began))
        except BaseException:
            with self._changes:
                self._end()
            raise

    def _goes_on(self) -> bool:
        with self._changes:
            if not self._views.looks():
                self._end()
            return self._following is not None

    def _end(self) -> None:
        """Under the lock: the next one begins when this one has let go."""
        self.rest()
        self._following = None


class _Views:
    """Which views are there, each by the name that it has given itself."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._heard: dict[str, float] = {}
        self._closed = False

    def hear(self, name: str, what: str) -> None:
        with self._changed:
            if what == "closed":
                self._heard.pop(name, None)
            else:
                self._heard[name] = _at_rest()
            self._changed.notify_all()

    def looks(self) -> bool:
        """Whether somebody does."""
        with self._changed:
            latest = _at_rest() - SILENT
            self._heard = {name: at for name, at in self._heard.items() if at >= latest}
            return bool(self._heard) and not self._closed

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """For that long, or until the widget is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed, seconds)


# --- the time in which the kernel could have heard ----------------------------------------------


class _Rest:
    """Seconds that no cell ran. It is first asked when a view is heard, and no cell runs."""

    def __init__(self) -> None:
        self._busy_since: float | None = None
        self._busy = 0.0
        if (shell := cells.this_shell()) is not None:
            shell.events.register("pre_run_cell", self._begin)
            shell.events.register("post_run_cell", self._end)

    def _begin(self, _info: object = None) -> None:
        self._busy_since = time.monotonic()

    def _end(self, _result: object = None) -> None:
        if self._busy_since is not None:
            self._busy += time.monotonic() - self._busy_since
        self._busy_since = None

    def seconds(self) -> float:
        now, since = time.monotonic(), self._busy_since
        return now - self._busy - (now - since if since is not None else 0.0)


_REST: list[_Rest] = []


def _at_rest() -> float:
    if not _REST:
        _REST.append(_Rest())
    return _REST[0].seconds()
