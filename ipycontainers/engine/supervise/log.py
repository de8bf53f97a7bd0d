"""The log of a container: a file that is written, and those that it was before.

    output.log      what is written now
    output.log.1    what was written before that, and so on; at most so many files in all

With one file only, what is full is thrown away and begun anew, as dockerd's json-file does.

Knows: files. Does not know: who writes, what is shown of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from .output import Record, record, records

LOG = "output.log"
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
_TRIES = 10  # to find one's place while files are renamed


class Writer:
    """Appends to the log in the working directory."""

    def __init__(self, size: int, files: int) -> None:
        """A record that would make a file longer than ``size`` bytes begins a new one; 0: never."""
        self._size = size
        self._files = files
        self._open()

    def write(self, stream: int, data: bytes) -> None:
        """One record, whole or not at all: a full disk loses the log, not the program."""
        whole = record(stream, data)
        if 0 < self._size < self._length + len(whole) and self._length:
            self._rotate()
        with suppress(OSError):
            if os.write(self._handle, whole) == len(whole):
                self._length += len(whole)
            else:
                os.ftruncate(self._handle, self._length)

    def close(self) -> None:
        """Nothing is written any more."""
        os.close(self._handle)

    def _open(self) -> None:
        self._handle = os.open(LOG, _APPEND, 0o644)
        self._length = os.fstat(self._handle).st_size

    def _rotate(self) -> None:
        with suppress(OSError):  # it goes on in the old one
            for number in range(self._files - 1, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(path("", number - 1), path("", number))
            if self._files == 1:
                os.unlink(LOG)
            old = self._handle
            self._open()
            os.close(old)


class Reader:
    """Reads a log from its oldest record on, and on from where it was, through rotations."""

    def __init__(self, folder: str, file: BinaryIO | None = None) -> None:
        """From ``file``'s position on, which is one of ``folder``'s log and is closed here."""
        self._folder = folder
        self._file = file

    def records(self) -> Iterator[Record]:
        """What has been written since the last record that came."""
        if self._file is None:
            found = newest_first(self._folder)
            if not found:
                return
            self._file = found.pop()
            for other in found:
                other.close()
        while True:
            yield from records(self._file)
            following = self._following()
            if following is None:
                return
            yield from records(self._file)  # what came before it was renamed
            self._file.close()
            self._file = following

    def close(self) -> None:
        """Idempotent."""
        if self._file:
            self._file.close()

    def _following(self) -> BinaryIO | None:
        """The file that was begun after this one; the oldest where this one is gone."""
        for _ in range(_TRIES):
            numbers = numbers_in(self._folder)
            place = self._place(numbers)
            if place is None:
                continue
            wanted = place - 1 if place >= 0 else max(numbers, default=-1)
            if wanted not in numbers:
                return None  # this one is the newest, or the newest is just being made
            try:
                found = open(path(self._folder, wanted), "rb")  # noqa: SIM115
            except FileNotFoundError:
                continue
            if self._place(numbers) == place:
                return found
            found.close()
        return None

    def _place(self, numbers: list[int]) -> int | None:
        """The number of this file; -1 when it was deleted, None when it has just got another."""
        assert self._file
        own = os.fstat(self._file.fileno())
        for number in numbers:
            with suppress(FileNotFoundError):
                if os.path.samestat(own, os.stat(path(self._folder, number))):
                    return number
        return None if os.fstat(self._file.fileno()).st_nlink else -1


def path(folder: str, number: int) -> str:
    """Of a log's file; 0 is the one that is written."""
    return os.path.join(folder, f"{LOG}.{number}" if number else LOG)


def numbers_in(folder: str) -> list[int]:
    """Of the files that there are, the newest first; none of a container that is removed."""
    names = list[str]()
    with suppress(FileNotFoundError):
        names = os.listdir(folder)
    ends = [name[len(LOG) + 1 :] for name in names if name.startswith(LOG)]
    return sorted(int(end or 0) for end in ends if end.isdigit() or not end)


def newest_first(folder: str) -> list[BinaryIO]:
    """All files, open, each once."""
    found: list[BinaryIO] = []
    for number in numbers_in(folder):
        with suppress(FileNotFoundError):
            file = open(path(folder, number), "rb")  # noqa: SIM115
            own = os.fstat(file.fileno())
            if any(os.path.samestat(own, os.fstat(it.fileno())) for it in found):
                file.close()  # it was renamed meanwhile
            else:
                found.append(file)
    return found
