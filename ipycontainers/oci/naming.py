"""Which entries of a layout's index have a name.

Knows: entries of an index. Does not know: files, what has to be locked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .descriptor import Descriptor, Digest
from .origins import NAME
from .reference import Reference


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


def without(name: Reference, entries: list[Descriptor]) -> list[Descriptor]:
    """They without that name; its image stays among them."""
    found = named(name, entries)
    if found is None:
        return entries
    full = replace(name, tag="").full if name.digest else name.full
    kept = [entry for entry in entries if entry.annotations.get(NAME) != full]
    if all(entry.digest != found.digest for entry in kept):
        kept.append(replace(found, annotations={}))
    return kept


def by_manifest(entries: Sequence[Descriptor]) -> list[tuple[tuple[str, ...], Descriptor]]:
    """Each manifest once, with its tags as docker prints them, in the order they came."""
    names: dict[Digest, list[str]] = {}
    manifests: dict[Digest, Descriptor] = {}
    for entry in entries:
        manifests.setdefault(entry.digest, entry)
        listed = names.setdefault(entry.digest, [])
        if NAME in entry.annotations and "@" not in entry.annotations[NAME]:
            listed.append(str(Reference.parse(entry.annotations[NAME])))
    return [(tuple(names[digest]), entry) for digest, entry in manifests.items()]
