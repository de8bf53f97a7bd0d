"""What a container has written, from its log: which records, and in which form.

    GET /containers/ID/logs?stdout=1&tail=10&since=1700000000&timestamps=1

Knows: the queries of logs, the files of ``supervise.log``. Does not know: who waits for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ipycontainers.errors import Invalid

from . import wire
from .supervise.log import Reader, newest_first
from .supervise.output import Record, record_before, records

SIZE, FILES = 64 << 20, 4  # of a log for which no bounds are asked
LONGEST = 16 << 10  # of a line that is put together from pieces, as dockerd's
STREAMS = 2


def bounds(config: Mapping[str, Any]) -> tuple[int, int] | None:
    """How large a file of the log may get, and how many there may be; None for no log.

    dockerd's json-file has no bounds unless they are asked for; here no container shall fill
    the disk. Raises Invalid, in dockerd's words.
    """
    if config["Type"] == "none":
        return None
    size, files = config["Config"].get("max-size"), config["Config"].get("max-file")
    failed = "failed to initialize logging driver: "
    try:
        limit = wire.byte_count(str(size)) if size else SIZE
    except ValueError as error:
        raise Invalid(f"{failed}{error}") from error
    if not re.fullmatch(r"\d+", str(files or 1)):
        raise Invalid(f'{failed}strconv.Atoi: parsing "{files}": invalid syntax')
    count = int(files) if files else 1 if size else FILES
    if count < 1:
        raise Invalid(f"{failed}max-file cannot be less than 1")
    if limit < 1:
        raise Invalid(f"{failed}invalid size: '{size}'")
    return limit, count


@dataclass(frozen=True)
class Selection:
    """``tail`` counts lines of both streams, whichever are shown, as dockerd does; -1 is all
    of them. Times are nanoseconds since 1970."""

    streams: frozenset[int]
    tty: bool
    timestamps: bool = False
    since: int = 0
    until: int = 0
    tail: int = -1

    @classmethod
    def of(cls, query: Mapping[str, str], streams: Iterable[int], *, tty: bool) -> Selection:
        """Raises Invalid for a time that is none."""
        try:
            since, until = (wire.nanoseconds(query.get(name) or "0") for name in ("since", "until"))
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
            and record.time >= self.since
            and not (self.until and record.time > self.until)
        )


class Log:
    """One reading of a log, to be closed."""

    def __init__(self, directory: Path, selection: Selection) -> None:
        self._folder = str(directory)
        self._selection = selection
        self._reader: Reader | None = None
        self._lines = Lines()

    def new(self, *, is_over: bool = False) -> Iterator[bytes]:
        """What was written since the last call, as Docker sends it. ``is_over``: no more will
        be, so that a line without an end is one."""
        skipped = 0
        if first := self._reader is None:
            self._reader, skipped = self._begin()
        assert self._reader
        for record in self._reader.records():
            if 0 < self._selection.until < record.time:
                return
            # Only what has a time or a number before it has to begin where a line does.
            if not (self._selection.timestamps or skipped):
                yield from self._shown([record])
                continue
            lines = list(self._lines.add(record))
            yield from self._shown(lines[skipped:])
            skipped -= min(skipped, len(lines))
            if not (self._selection.timestamps or skipped):
                yield from self._shown(self._lines.rest())
        if is_over or (first and not self._selection.timestamps):
            yield from self._shown(list(self._lines.rest())[skipped:])

    def close(self) -> None:
        if self._reader:
            self._reader.close()

    def _begin(self) -> tuple[Reader, int]:
        """Where to read, and how many lines of that are not asked for."""
        wanted = self._selection.tail
        if wanted < 0:
            return Reader(self._folder), 0
        files = newest_first(self._folder)
        if not files:
            return Reader(self._folder), 0
        ends = [file.seek(0, 2) for file in files]
        if wanted == 0:
            files[0].seek(ends[0])
            chosen, begin, skipped = 0, ends[0], 0
        else:
            chosen, begin = _place_of_last(files, ends, wanted)
            skipped = max(0, _count(files, ends, chosen, begin) - wanted)
        for number, file in enumerate(files):
            if number != chosen:
                file.close()
        files[chosen].seek(begin)
        return Reader(self._folder, files[chosen]), skipped

    def _shown(self, pieces: Iterable[Record]) -> Iterator[bytes]:
        """A frame for each line: a client takes what it reads at once for one."""
        shown = [piece for piece in pieces if self._selection.takes(piece)]
        if self._selection.timestamps:
            stamped = (
                (it.stream, f"{wire.time_text_of(it.time)} ".encode() + it.data) for it in shown
            )
        else:
            stamped = ((it.stream, line) for it in shown for line in _split(it.data))
        if data := b"".join(
            line if self._selection.tty else wire.frame(stream, line) for stream, line in stamped
        ):
            yield data


class Lines:
    """Puts lines together from what a program wrote in pieces; a line has its beginning's time."""

    def __init__(self) -> None:
        self._open: dict[int, Record] = {}

    def add(self, record: Record) -> Iterator[Record]:
        """The lines that end with it, and what is too long to wait for its end."""
        before = self._open.pop(record.stream, None)
        for line in _split(record.data):
            whole = record._replace(data=line)
            if before:
                whole, before = before._replace(data=before.data + line), None
            if line.endswith(b"\n") or len(whole.data) >= LONGEST:
                yield whole
            else:
                self._open[record.stream] = whole

    def rest(self) -> Iterator[Record]:
        """What had no end yet."""
        yield from self._open.values()
        self._open.clear()


def _place_of_last(files: list[BinaryIO], ends: list[int], wanted: int) -> tuple[int, int]:
    """Which of ``files``, and where in it, so that ``wanted`` whole lines follow.

    Reads from the end; a line may have begun in an earlier record, so that many more are
    needed as there are streams.
    """
    missing, number, end = wanted + STREAMS, 0, 0
    for number, file in enumerate(files):
        end = _whole(file, ends[number])
        while end and missing > 0:
            found = record_before(file, end)
            if found is None:
                return number, 0  # what is there cannot be read backwards
            end, record = found
            missing -= record.data.count(b"\n")
        if missing <= 0:
            break
    return number, end


def _whole(file: BinaryIO, end: int) -> int:
    """Where its last whole record ends: one may be just being written."""
    if not end or record_before(file, end):
        return end
    file.seek(0)
    for _ in records(file, end):
        pass
    return file.tell()


def _count(files: list[BinaryIO], ends: list[int], chosen: int, begin: int) -> int:
    lines, count = Lines(), 0
    for number in range(chosen, -1, -1):
        files[number].seek(begin if number == chosen else 0)
        for record in records(files[number], ends[number]):
            count += sum(1 for _ in lines.add(record))
    return count + len(list(lines.rest()))


def _split(data: bytes) -> list[bytes]:
    """With their ends; a carriage return ends none, as in progress bars."""
    return re.findall(rb"[^\n]*\n|[^\n]+", data)
