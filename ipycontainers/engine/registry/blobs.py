"""A blob from a registry into the layout: resumed, verified, never wholly in memory.

Knows: partial files, when to try again. Does not know: images, who waits.
"""

from __future__ import annotations

import errno
import logging
import time
from contextlib import suppress

from ipycontainers.errors import Conflict, ContainerError, EngineError, IntegrityError
from ipycontainers.oci import Descriptor, Layout
from ipycontainers.oci.unfinished import Partial

from .client import Client, Refused
from .transfers import Transfer
from .transport import Answer, Broken, Unreachable

logger = logging.getLogger(__name__)

TRIES = 5  # dockerd's, without progress between them
WORTH = 1 << 20  # bytes that make a try no failure, so their number is bounded
OFTEN = 0.1  # seconds between two reports
BUSY = 0.2


class Reports:
    """Tells of bytes now and then, not of each piece."""

    def __init__(self, transfer: Transfer, status: str, total: int, current: int = 0) -> None:
        self._transfer, self._status, self._total = transfer, status, total
        self._current, self._told, self._next = current, 0, 0.0

    def passed(self, count: int) -> None:
        """Called with 0 at the end, which is always told. Raises Cancelled."""
        self._current += count
        now = time.monotonic()
        if now >= self._next or (not count and self._told < self._current):
            self._next = now + OFTEN
            self._told = self._current
            self._transfer.tell(self._status, min(self._current, self._total), self._total)
        else:
            self._transfer.check()


def fetch(client: Client, layout: Layout, blob: Descriptor, transfer: Transfer) -> None:
    """Returning means: it is stored. Raises what the last of several tries did; Cancelled."""
    while not layout.has(blob.digest):
        with suppress(Conflict), layout.unfinished.partial(blob) as partial:
            if not layout.has(blob.digest):
                _fill(client, blob, partial, transfer)
            return
        transfer.pause(BUSY)  # another pull has it, that has been cancelled and ends


def _fill(client: Client, blob: Descriptor, partial: Partial, transfer: Transfer) -> None:
    failures, was_resumed = 0, partial.size > 0
    while True:
        before = partial.size
        try:
            if not partial.is_whole:
                _receive(client, blob, partial, transfer)
            transfer.tell("Verifying Checksum")
            partial.finish()
        except (Broken, Unreachable, Refused, IntegrityError) as error:
            if isinstance(error, IntegrityError) and was_resumed:
                was_resumed = False  # what was there from before may be what was wrong
                continue
            if not _is_worth_trying(error):
                raise
            if isinstance(error, Refused) and error.status == 416:
                partial.restart()  # it has less than what is here, which was of something else
            failures = 1 if partial.size - before >= WORTH else failures + 1
            if failures >= TRIES:
                raise
            _wait(transfer, failures, error)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                partial.restart()  # nobody else could write anything
            raise EngineError(f"write {partial.name}: {(error.strerror or '').lower()}") from error
        else:
            return


def _is_worth_trying(error: ContainerError) -> bool:
    if isinstance(error, Refused):
        return error.status in (408, 416, 429) or error.status >= 500
    return not isinstance(error, IntegrityError)


def _wait(transfer: Transfer, failures: int, error: ContainerError) -> None:
    logger.info("%s: trying again: %s", transfer.id, error)
    for left in range(failures, 0, -1):
        transfer.tell(f"Retrying in {left} second{'s' * (left > 1)}")
        transfer.pause(1)


def _receive(client: Client, blob: Descriptor, partial: Partial, transfer: Transfer) -> None:
    """To the end, or until it breaks; what came is in ``partial``."""
    with client.blob(blob.digest, partial.size) as (start, answer):
        _check_length(blob, answer, start)
        transfer.on_cancel = answer.abandon
        if start != partial.size:
            partial.restart()
        reports = Reports(transfer, "Downloading", blob.size, partial.size)
        try:
            for piece in iter(answer.read, b""):
                partial.write(piece)
                reports.passed(len(piece))
            reports.passed(0)
        finally:
            transfer.on_cancel = bool
    transfer.check()
    if not partial.is_whole:
        raise Broken(f"{blob.digest}: unexpected EOF after {partial.size} of {blob.size} bytes")


def _check_length(blob: Descriptor, answer: Answer, start: int) -> None:
    """Before anything is fetched that could not be right; a length is optional."""
    told = answer.headers.get("Content-Length", "")
    if told.isascii() and told.isdigit() and int(told) + start > blob.size:
        raise IntegrityError(
            f"{blob.digest} should have {blob.size} bytes, and the registry "
            f"announces {int(told) + start}"
        )
