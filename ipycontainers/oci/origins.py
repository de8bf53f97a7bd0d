"""Where an image is from, kept in a layout's index beside its tags: what registries call it, names
with a digest; and whether a build here has made it.

Knows: entries of an index. Does not know: files, what has to be locked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from .descriptor import Descriptor
from .reference import Reference

NAME = "org.opencontainers.image.ref.name"
TAGGED = "org.ipycontainers.tagged"  # when the image was given that name, RFC 3339
MADE = "org.ipycontainers.made"  # when a build here had made it, RFC 3339


def origins(entries: Sequence[Descriptor]) -> tuple[str, ...]:
    """Of one image, whose entries these are, as docker prints them."""
    names = [entry.annotations.get(NAME, "") for entry in entries]
    return tuple(str(Reference.parse(name)) for name in names if "@" in name)


def with_made(entries: Sequence[Descriptor], manifest: Descriptor) -> list[Descriptor]:
    """These, and that a build here has made the image of ``manifest``."""
    same = [entry for entry in entries if entry.digest == manifest.digest]
    others = [entry for entry in entries if entry.annotations or entry not in same]
    if any(MADE in entry.annotations for entry in same):
        return others
    return [*others, replace(manifest, annotations={MADE: now()})]


def tagged(entries: Sequence[Descriptor]) -> str:
    """When their image was given a name last; "" where that is not known."""
    return max((entry.annotations.get(TAGGED, "") for entry in entries), default="")


def now() -> str:
    """RFC 3339, of one width, so that later ones are greater."""
    whole, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{nanoseconds:09}Z"
