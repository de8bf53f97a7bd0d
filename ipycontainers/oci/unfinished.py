"""What pulls have begun and not ended: content on its way, and what has arrived already.

    DIR/partial/HEX     content as far as it came, named by the digest that it is to have
    DIR/pending/HEX     of the manifest HEX: the digests that its image will need, one a line

A pull that breaks, is cancelled or whose engine is killed goes on from here. After ``KEPT``
seconds without a change nobody is expected to come back, and gc takes both away.

Knows: these two folders. Does not know: registries, what content means.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ipycontainers.errors import Conflict, EngineError, IntegrityError

from .blob import PIECE
from .descriptor import Descriptor, Digest
from .names import replace_text
from .room import Room

if TYPE_CHECKING:
    from typing_extensions import Self

KEPT = 24 * 3600.0


class Partial:
    """Content on its way, a ``with`` block; what is written stays when the block ends early.

    ``size`` is the number of bytes that are there. Raises Conflict where another process or
    thread is writing the same.
    """

    def __init__(self, folder: Path, descriptor: Descriptor) -> None:
        self._path = folder / "partial" / descriptor.digest.hex
        self._target = folder / "blobs/sha256" / descriptor.digest.hex
        self._descriptor = descriptor
        self._room = Room(folder)
        self.size = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(exist_ok=True)
        while not self._is_ours():
            self._file.close()
        self._read_again()
        return self

    def __exit__(self, *_: object) -> None:
        if not self.size:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def _is_ours(self) -> bool:
        """Opened and locked; False when it had gone by then: whoever had it has ended, and the
        file has another name or none."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self._path, flags, 0o600), "r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise Conflict(f"{self._descriptor.digest} is being fetched already") from error
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def _read_again(self) -> None:
        self._hash = hashlib.sha256()
        while piece := self._file.read(PIECE):
            self._hash.update(piece)
            self.size += len(piece)
        if self.size > self._descriptor.size:
            self.restart()

    def write(self, piece: bytes) -> None:
        """IntegrityError when it is more than there should be, EngineError when it would fill the
        disk; nothing is kept then, so that others can write."""
        if self.size + len(piece) > self._descriptor.size:
            self.restart()
            raise IntegrityError(
                f"{self._descriptor.digest} should have {self._descriptor.size} bytes and has more"
            )
        try:
            self._room.take(len(piece))
        except EngineError:
            self.restart()
            raise
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(piece)
        self.size += len(piece)

    def restart(self) -> None:
        """Forget what is there."""
        self._file.seek(0)
        self._file.truncate()
        self._hash, self.size = hashlib.sha256(), 0

    @property
    def name(self) -> str:
        return str(self._path)

    @property
    def is_whole(self) -> bool:
        return self.size == self._descriptor.size

    def finish(self) -> None:
        """Store it at its digest. IntegrityError, and nothing is kept, when it is not that."""
        found = Digest(self._hash.hexdigest())
        if not self.is_whole or found != self._descriptor.digest:
            size = self.size
            self.restart()
            raise IntegrityError(
                f"content that should be {self._descriptor.digest} "
                f"({self._descriptor.size} bytes) is {found} ({size} bytes)"
            )
        os.fsync(self._file.fileno())
        os.fchmod(self._file.fileno(), 0o444)
        self._path.replace(self._target)


class Unfinished:
    """The unfinished pulls of one layout, whose folder this is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def partial(self, descriptor: Descriptor) -> Partial:
        return Partial(self._folder, descriptor)

    def begin(self, manifest: Digest, needed: Iterable[Digest]) -> None:
        """From now on gc spares what is stored of ``needed``. Idempotent; to be held meanwhile."""
        pending = self._folder / "pending"
        pending.mkdir(exist_ok=True)
        listed = "".join(f"{digest.hex}\n" for digest in needed)
        replace_text(pending / manifest.hex, listed, self._folder / "tmp")

    def end(self, manifest: Digest) -> None:
        """The image is there, or will never be. Idempotent."""
        (self._folder / "pending" / manifest.hex).unlink(missing_ok=True)

    def sweep(self, kept: float = KEPT) -> set[str]:
        """Take away what nobody has come back to; what is left needs these digests.

        For gc, which is alone in the layout when it calls this.
        """
        needed: set[str] = set()
        latest = time.time() - kept
        for path in self._files("partial"):
            if path.stat().st_mtime < latest:
                path.unlink()
        for path in self._files("pending"):
            if path.stat().st_mtime < latest:
                path.unlink()
            else:
                needed |= set(path.read_text().split())
        return needed

    def _files(self, name: str) -> list[Path]:
        folder = self._folder / name
        return list(folder.iterdir()) if folder.is_dir() else []
