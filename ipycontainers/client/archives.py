"""The files of a container, and whole images, as tars on their way.

Knows: the archive endpoints' answers. Does not know: which engine, tar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from .dial import Dialler
from .stream import Stream
from .translate import translated

# Seconds until the first byte: dockerd before 25 writes all layers to its disk before it answers.
UNTIL_SAVED = 3600.0


class Pieces(Protocol):
    """Bytes that are made while they are sent, of a length that is known before."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes | memoryview]: ...


class Download(Stream):
    """A tar that is read while it comes. Closing it ends the request."""

    def __init__(
        self,
        dialler: Dialler,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        doing: str,
        timeout: float,
        keep_timeout: bool = False,
    ) -> None:
        """As ``Stream``; with ``keep_timeout`` no piece may take longer than a short request."""
        self._doing = doing
        super().__init__(
            dialler,
            "GET",
            path,
            parameters=parameters,
            doing=doing,
            timeout=timeout,
            keep_timeout=keep_timeout,
        )

    def read(self, size: int = 1 << 20, /) -> bytes:
        """At most ``size`` bytes; b"" is the end. Raises EngineSilent and NoEngine."""
        try:
            return self._response.read1(size)
        except Exception:  # pieces are many, and a block for each would take as long as they do
            with translated(self._doing):
                raise
