"""What is at a URL, for as long as somebody waits for the build.

Knows: when a build is cancelled. Does not know: HTTP, what the bytes are for.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .running import Cancelling

if TYPE_CHECKING:
    from ipycontainers.engine.registry.transport import Answer


@contextmanager
def fetched(url: str, cancelling: Cancelling) -> Iterator[Answer]:
    """As ``download.opened``. A server may never come to an end: a read that waits ends when the
    build is cancelled, as at the end of a file, and then the block ends with Cancelled."""
    from ipycontainers.engine.registry.download import opened
    from ipycontainers.engine.registry.settings import Settings

    with opened(url, Settings.load()) as answer:
        try:
            with cancelling.calling(answer.abandon):
                yield answer
        finally:  # also where the block took it for broken
            cancelling.check()
