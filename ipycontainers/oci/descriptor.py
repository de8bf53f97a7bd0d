"""What content is called: by digest, with its size and kind.

    >>> digest = Digest.of(b"hello")
    >>> str(digest)[:19]
    'sha256:2cf24dba5fb0'
    >>> Digest.parse(str(digest)) == digest
    True

A descriptor is what one JSON document says about another piece of content:
https://github.com/opencontainers/image-spec/blob/main/descriptor.md

Knows: names of content. Does not know: where content is stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from ipycontainers.errors import Invalid

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = frozenset({INDEX, DOCKER_LIST})

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}


@dataclass(frozen=True, order=True)
class Digest:
    """The sha256 of some content; ``str()`` writes it as manifests do."""

    hex: str

    @classmethod
    def parse(cls, text: object) -> Digest:
        """``sha256:`` and 64 hexadecimal digits, or Invalid: the only algorithm in use."""
        match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise Invalid(f"{str(text)[:100]!r} is no digest: sha256: and 64 hexadecimal digits")
        return cls(match[1])

    @classmethod
    def of(cls, content: bytes) -> Digest:
        return cls(hashlib.sha256(content).hexdigest())

    @property
    def short(self) -> str:
        """The first twelve digits, as docker prints ids."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


@dataclass(frozen=True)
class Platform:
    """What an image is made for, in Go's words: linux, amd64, and for arm a variant."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def of(cls, document: object) -> Platform:
        """From the ``platform`` of a descriptor, or from an image's config."""
        parts = document if isinstance(document, Mapping) else {}
        found = [parts.get(key) or "" for key in ("os", "architecture", "variant")]
        if not all(isinstance(part, str) for part in found):
            raise Invalid(f"{document!r:.200} is no platform")
        return cls(*found)

    @classmethod
    def here(cls) -> Platform:
        """What containers on this machine run; Linux also where a Mac hosts them."""
        machine = os.uname().machine if sys.platform != "win32" else "x86_64"
        if machine.startswith("armv"):
            return cls("linux", "arm", f"v{machine[4]}")
        return cls("linux", _ARCHITECTURES.get(machine, machine))

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Descriptor:
    """A piece of content by digest; ``size`` in bytes, as stored."""

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    platform: Platform | None = field(default=None, compare=False)

    @classmethod
    def of(cls, document: object) -> Descriptor:
        """From JSON already parsed; Invalid when it is none."""
        if not isinstance(document, Mapping):
            raise Invalid(f"{document!r:.200} is no descriptor")
        media_type, size = document.get("mediaType", ""), document.get("size")
        annotations = document.get("annotations") or {}
        if not isinstance(media_type, str) or type(size) is not int or size < 0:
            raise Invalid(f"{document!r:.200} is no descriptor")
        if not isinstance(annotations, Mapping) or not all(
            isinstance(part, str) for pair in annotations.items() for part in pair
        ):
            raise Invalid(f"annotations that are no text: {annotations!r:.200}")
        platform = document.get("platform")
        return cls(
            media_type,
            Digest.parse(document.get("digest")),
            size,
            dict(annotations),
            Platform.of(platform) if platform else None,
        )

    def to_json(self) -> dict[str, object]:
        written: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": str(self.digest),
            "size": self.size,
        }
        if self.annotations:
            written["annotations"] = dict(self.annotations)
        if self.platform:
            platform = {"os": self.platform.os, "architecture": self.platform.architecture}
            if self.platform.variant:
                platform["variant"] = self.platform.variant
            written["platform"] = platform
        return written


def parse_json(text: bytes, what: str) -> object:
    """JSON from elsewhere; Invalid also when it is nested too deeply."""
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{what} is no JSON: {error}") from error
    return parsed
