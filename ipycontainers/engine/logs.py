"""What a container has written, from its log: which records, and in which form.

    GET /containers/ID/logs?stdout=1&tail=10&since=1700000000&timestamps=1

Knows: the queries of logs, the records of ``supervise.output``. Does not know: who waits
for more.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipycontainers.errors import Invalid

from . import wire
from .supervise.output import LOG, Record, records

HEAD = 16  # bytes of a record before its data


@dataclass(frozen=True)
class Selection:
    """``tail`` counts lines as dockerd does, which are records here; -1 is all of them."""

    streams: frozenset[int]
    tty: bool
    timestamps: bool = False
    since: float = 0
    until: float = 0
    tail: int = -1

    @classmethod
    def of(cls, query: Mapping[str, str], streams: Iterable[int], *, tty: bool) -> Selection:
        """Raises Invalid for a time that is none."""
        try:
            since, until = (float(query.get(name) or 0) for name in ("since", "until"))
        except ValueError as error:
            raise Invalid(f"invalid value for since or until: {error}") from error
        tail = query.get("tail", "all")
        return cls(
            frozenset(streams),
            tty,
            wire.flag(query.get("timestamps", "")),
            since,
            until,
            int(tail) if tail.isdigit() else -1,
        )

    def takes(self, record: Record) -> bool:
        return (
            record.stream in self.streams
            and record.time >= self.since * 1e9
            and not (self.until and record.time > self.until * 1e9)
        )


class Log:
    """One reading of a log, from its beginning and on."""

    def __init__(self, directory: Path, selection: Selection) -> None:
        self._path = directory / LOG
        self._selection = selection
        self._read = 0

    def new(self) -> Iterator[bytes]:
        """What was written since the last call, as Docker sends it."""
        first = self._read == 0
        pieces = self._records()
        if first and self._selection.tail >= 0:
            pieces = iter(self._last(pieces))
        for record in pieces:
            yield self._shown(record)

    def _records(self) -> Iterator[Record]:
        for record in records(self._path, self._read):
            self._read += HEAD + len(record.data)
            if self._selection.takes(record):
                yield record

    def _last(self, found: Iterator[Record]) -> Iterable[Record]:
        """The last ``tail`` lines; a record may hold several."""
        lines: deque[Record] = deque(maxlen=self._selection.tail)
        for record in found:
            lines.extend(Record(record.stream, record.time, line) for line in _lines(record.data))
        return lines

    def _shown(self, record: Record) -> bytes:
        """A frame for each line: a client takes what it reads at once for one."""
        stamp = f"{wire.time_text(record.time / 1e9)} ".encode()
        lines = [
            stamp + line if self._selection.timestamps else line for line in _lines(record.data)
        ]
        if self._selection.tty:
            return b"".join(lines)
        return b"".join(wire.frame(record.stream, line) for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """With their ends; a carriage return ends none, as in progress bars."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)
