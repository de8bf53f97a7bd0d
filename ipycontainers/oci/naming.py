"""Which entries of a layout's index have a name, and which are of one image.

Manifests with one config are one image, as docker has it: such as with layers compressed and not.

Knows: entries of an index. Does not know: files, what has to be locked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

from .descriptor import Descriptor
from .origins import NAME
from .reference import Reference

Identity = Callable[[Descriptor], Hashable]  # the same for all entries of one image


def named(name: Reference, entries: Iterable[Descriptor]) -> Descriptor | None:
    """The one of that name, or of that name in a registry where it has a digest."""
    for entry in entries:
        own = entry.annotations.get(NAME, "")
        if name.digest is not None:
            known = Reference.parse(own) if own else None
            digests = (entry.digest, known.digest) if known else ()
            if known and known.name == name.name and name.digest in digests:
                return entry
        elif own == name.full:
            return entry
    return None


def without(name: Reference, entries: list[Descriptor], identity: Identity) -> list[Descriptor]:
    """They without that name; its image stays among them."""
    found = named(name, entries)
    if found is None:
        return entries
    full = replace(name, tag="").full if name.digest else name.full
    kept = [entry for entry in entries if entry.annotations.get(NAME) != full]
    if all(identity(entry) != identity(found) for entry in kept):
        kept.append(replace(found, annotations={}))
    return kept


def grouped(
    entries: Sequence[Descriptor], identity: Identity
) -> list[tuple[tuple[str, ...], Descriptor]]:
    """The first entry of each image, with all its tags as docker prints them, in the order they
    came."""
    names: dict[Hashable, list[str]] = {}
    first: dict[Hashable, Descriptor] = {}
    for entry in entries:
        key = identity(entry)
        first.setdefault(key, entry)
        listed = names.setdefault(key, [])
        if NAME in entry.annotations and "@" not in entry.annotations[NAME]:
            listed.append(str(Reference.parse(entry.annotations[NAME])))
    return [(tuple(names[key]), entry) for key, entry in first.items()]


def by_manifest(entry: Descriptor) -> Hashable:
    """The identity by which an image with several manifests is several."""
    return entry.digest


def without_origins(
    entries: list[Descriptor], name: Reference, found: Descriptor, identity: Identity
) -> list[Descriptor]:
    """Without the digests that an image has in a repository, if no tag of it is left there.

    The image stays, without a name if these were its last.
    """
    image = identity(found)

    def is_there(entry: Descriptor) -> bool:
        own = entry.annotations.get(NAME)
        same = own is not None and Reference.parse(own).name == name.name
        return same and identity(entry) == image

    there = [entry for entry in entries if is_there(entry)]
    if name.digest or any("@" not in entry.annotations[NAME] for entry in there):
        return entries
    kept = [entry for entry in entries if not is_there(entry)]
    if all(identity(entry) != image for entry in kept):
        kept.append(replace(found, annotations={}))
    return kept
