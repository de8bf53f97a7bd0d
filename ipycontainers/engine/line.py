"""A connection to a supervisor, for coroutines.

Knows: the requests of ``supervise.control``. Does not know: what comes over it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import supervise
from .record import Record

if TYPE_CHECKING:
    from typing_extensions import Self


class Line:
    """A connection to a supervisor, of which the first answer has come."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Mapping[str, Any]
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.answer = answer

    @classmethod
    async def open(cls, record: Record, request: Mapping[str, Any]) -> Line:
        """Raises OSError where there is no supervisor, or it left before it answered."""
        line = await cls.ask(record, request)
        try:
            await line.answered()
        except BaseException:
            line.close()
            raise
        return line

    @classmethod
    async def ask(cls, record: Record, request: Mapping[str, Any]) -> Line:
        """Without the answer. Raises OSError where there is no supervisor."""
        sock = supervise.connect(record.directory)
        sock.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=sock)
        writer.write(json.dumps(request).encode() + b"\n")
        return cls(reader, writer, {})

    async def answered(self) -> None:
        """``answer`` has come. Raises OSError where the supervisor left before."""
        answer = await self.reader.readline()
        if not answer.endswith(b"\n"):
            raise ConnectionResetError("the supervisor left")
        self.answer = json.loads(answer)

    def close(self) -> None:
        self.writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
