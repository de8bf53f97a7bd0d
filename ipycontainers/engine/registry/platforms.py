"""Which image of an index is for a machine.

    >>> wanted = parse("arm64", Platform("linux", "amd64"))
    >>> str(wanted)
    'linux/arm64'
    >>> rank(wanted, Platform("linux", "arm64", "v8"))
    0
    >>> rank(Platform("linux", "arm", "v7"), Platform("linux", "arm", "v6"))
    1

The words and the order are containerd's:
https://github.com/containerd/platforms

Knows: platforms. Does not know: registries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ipycontainers.errors import Invalid, NotFound
from ipycontainers.oci import Descriptor, Platform

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "armhf": "arm",
    "armel": "arm",
}
_SYSTEMS = frozenset({"linux", "windows", "darwin", "freebsd"})
_DEFAULTS = {"arm64": "v8", "arm": "v7", "amd64": "v1"}
_ATTESTATION = "vnd.docker.reference.type"


def parse(text: str, here: Platform) -> Platform:
    """``os[/architecture[/variant]]`` or an architecture alone; "" means ``here``.

    Raises Invalid for what is none.
    """
    if not text:
        return here
    parts = text.lower().split("/")
    if len(parts) > 3 or not all(re.fullmatch(r"[a-z0-9_.-]+", part) for part in parts):
        raise Invalid(f'"{text}": cannot parse platform specifier: invalid argument')
    if len(parts) == 1 and parts[0] not in _SYSTEMS:
        parts.insert(0, "linux")
    system, word, variant = (*parts, "", "")[:3]
    architecture = _ARCHITECTURES.get(word, word) or here.architecture
    return Platform(system, architecture, variant or {"armel": "v6"}.get(word, ""))


def rank(wanted: Platform, offered: Platform) -> int | None:
    """How well an image for ``offered`` runs on ``wanted``: 0 is best, None not at all."""
    system, architecture = offered.os, _ARCHITECTURES.get(offered.architecture)
    architecture = architecture or offered.architecture
    if system != wanted.os:
        return None
    if (wanted.architecture, architecture) == ("amd64", "386"):
        return 100
    if architecture != wanted.architecture:
        return None
    mine, other = _variant(wanted), _variant(offered)
    if mine == other:
        return 0
    older = mine[:1] == other[:1] == "v" and mine[1:].isdigit() and other[1:].isdigit()
    if not older or architecture not in ("arm", "amd64") or int(other[1:]) > int(mine[1:]):
        return None
    return int(mine[1:]) - int(other[1:])


def _variant(platform: Platform) -> str:
    return platform.variant or _DEFAULTS.get(platform.architecture, "")


def choose(index: Mapping[str, object], wanted: Platform) -> Descriptor:
    """The manifest of an index that fits best. Attestations are no images.

    Raises NotFound, with what there is, and Invalid for what is no index.
    """
    there = list(offered(index))
    ranks = [(rank(wanted, entry.platform), entry) for entry in there if entry.platform]
    fitting = [(number, entry) for number, entry in ranks if number is not None]
    if fitting:
        return min(fitting, key=lambda pair: pair[0])[1]
    names = [str(entry.platform) for entry in there]
    known = f"there is {', '.join(names)}; try --platform {names[0]}" if names else "it has none"
    raise NotFound(f"no matching manifest for {wanted} in the manifest list entries: {known}")


def offered(index: Mapping[str, object]) -> Iterable[Descriptor]:
    """The images of an index, in its order. Raises Invalid for what is none."""
    listed = index.get("manifests")
    if not isinstance(listed, list):
        raise Invalid("the registry sends an index that names no images")
    for item in listed:
        entry = Descriptor.of(item)
        known = entry.platform and "unknown" not in (
            entry.platform.os,
            entry.platform.architecture,
        )
        if known and _ATTESTATION not in entry.annotations:
            yield entry
