"""The part of a container's /etc/hosts that tells of other containers, kept while it runs.

    127.0.0.1   localhost                 the container's own, also what its user writes
    # containers:
    172.18.0.3  web 0123456789ab          replaced whenever one comes or goes
    # end of containers

The file is mounted into the container, so it is written in place. The container may put anything
in its place: a link, a pipe, gigabytes.

Knows: the file. Does not know: what is to stand there.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

BEGIN, END = "# containers:\n", "# end of containers\n"
LONGEST = 1 << 20  # bytes; what is longer is left alone
_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def rewrite(path: Path, lines: Sequence[str]) -> None:
    """With these lines about other containers, and all else as it is. Raises nothing."""
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        logger.warning("%s cannot tell of other containers: %s", path, error)
        return
    try:
        _rewrite(handle, path, lines)
    except OSError as error:
        logger.warning("%s cannot tell of other containers: %s", path, error)
    finally:
        os.close(handle)


def read(path: Path) -> str:
    """What stands there, as far as it is the engine's to read; OSError."""
    handle = os.open(path, _FLAGS)
    try:
        if not _is_own(handle):
            return ""
        return os.pread(handle, LONGEST, 0).decode(errors="surrogateescape")
    finally:
        os.close(handle)


def _rewrite(handle: int, path: Path, lines: Sequence[str]) -> None:
    if not _is_own(handle) or os.fstat(handle).st_size > LONGEST:
        logger.warning("%s is no longer a file that the engine may write", path)
        return
    old = os.pread(handle, LONGEST, 0).decode(errors="surrogateescape")
    new = replaced(old, lines)
    if new != old:
        _put(handle, new.encode(errors="surrogateescape"))


def _is_own(handle: int) -> bool:
    """A file, and by no other name: a link may lead to one of the user's."""
    status = os.fstat(handle)
    return stat.S_ISREG(status.st_mode) and status.st_nlink == 1


def _put(handle: int, data: bytes) -> None:
    """All of it, or on a full disk what was there."""
    size = os.fstat(handle).st_size
    try:
        if data:
            os.posix_fallocate(handle, 0, len(data))
    except OSError:
        os.ftruncate(handle, size)
        raise
    done = 0
    while done < len(data):
        done += os.pwrite(handle, data[done:], done)
    os.ftruncate(handle, len(data))


def replaced(text: str, lines: Sequence[str]) -> str:
    """
    >>> replaced("a\\n# containers:\\nold\\n# end of containers\\nb\\n", ["new\\n"])
    'a\\n# containers:\\nnew\\n# end of containers\\nb\\n'
    """
    block = f"{BEGIN}{''.join(lines)}{END}" if lines else ""
    before, begins, rest = text.partition(BEGIN)
    _, ends, after = rest.partition(END)
    if begins and ends:
        return f"{before}{block}{after}"
    gap = "\n" if text and block and not text.endswith("\n") else ""
    return f"{text}{gap}{block}"
