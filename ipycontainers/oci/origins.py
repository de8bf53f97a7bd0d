"""What registries call an image: names with a digest, kept in a layout's index beside its tags.

Knows: entries of an index. Does not know: files, what has to be locked.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from .descriptor import Descriptor
from .reference import Reference

NAME = "org.opencontainers.image.ref.name"
TAGGED = "org.ipycontainers.tagged"  # when the image was given that name, RFC 3339


def origins(entries: Iterable[Descriptor]) -> tuple[str, ...]:
    """Of one image, whose entries these are, as docker prints them."""
    names = [entry.annotations.get(NAME, "") for entry in entries]
    return tuple(str(Reference.parse(name)) for name in names if "@" in name)


def tagged(entries: Iterable[Descriptor]) -> str:
    """When their image was given a name last; "" where that is not known."""
    return max((entry.annotations.get(TAGGED, "") for entry in entries), default="")


def now() -> str:
    """RFC 3339, of one width, so that later ones are greater."""
    whole, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{nanoseconds:09}Z"
