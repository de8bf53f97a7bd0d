"""Layers are unpacked by many at once, and tidied up only while nobody does.

Knows: threads. Does not know: files.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Unpacking:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._count = 0
        self._is_tidying = False

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Waits while somebody tidies up."""
        with self._free:
            self._free.wait_for(lambda: not self._is_tidying)
            self._count += 1
        try:
            yield
        finally:
            with self._free:
                self._count -= 1

    @contextmanager
    def tidying(self) -> Iterator[bool]:
        """Whether nobody unpacks; waits for nothing."""
        with self._free:
            alone = not self._count and not self._is_tidying
            self._is_tidying = self._is_tidying or alone
        try:
            yield alone
        finally:
            with self._free:
                if alone:
                    self._is_tidying = False
                    self._free.notify_all()
