"""What registries call an image: names with a digest, kept in a layout's index beside its tags.

Knows: entries of an index. Does not know: files, what has to be locked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from .descriptor import Descriptor, Digest
from .reference import Reference

NAME = "org.opencontainers.image.ref.name"
TAGGED = "org.ipycontainers.tagged"  # when the image was given that name, RFC 3339


def origins(entries: Sequence[Descriptor], manifest: Digest) -> tuple[str, ...]:
    """Of one image, as docker prints them."""
    names = [entry.annotations.get(NAME, "") for entry in entries if entry.digest == manifest]
    return tuple(str(Reference.parse(name)) for name in names if "@" in name)


def tagged(entries: Sequence[Descriptor], manifest: Digest) -> str:
    """When the image was given a name last; "" where that is not known."""
    times = [entry.annotations.get(TAGGED, "") for entry in entries if entry.digest == manifest]
    return max(times, default="")


def now() -> str:
    """RFC 3339, of one width, so that later ones are greater."""
    whole, nanoseconds = divmod(time.time_ns(), 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{nanoseconds:09}Z"


def without_origins(
    entries: list[Descriptor], name: Reference, manifest: Descriptor
) -> list[Descriptor]:
    """Without the digests that an image has in a repository, if no tag of it is left there.

    The image stays, without a name if these were its last.
    """

    def is_there(entry: Descriptor) -> bool:
        own = entry.annotations.get(NAME)
        same = own is not None and Reference.parse(own).name == name.name
        return same and entry.digest == manifest.digest

    there = [entry for entry in entries if is_there(entry)]
    if name.digest or any("@" not in entry.annotations[NAME] for entry in there):
        return entries
    kept = [entry for entry in entries if not is_there(entry)]
    if all(entry.digest != manifest.digest for entry in kept):
        kept.append(replace(manifest, annotations={}))
    return kept
