"""What a registry has by a name, without taking it: manifests, tags, platforms.

    client, manifest = find(Asker(credentials, Settings.load()), reference)

Knows: mirrors, and how dockerd tells of a registry's refusal. Does not know: the layout.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ipycontainers.errors import ContainerError, EngineError, NotFound, Unauthorized
from ipycontainers.oci import Descriptor, Digest, Platform, Reference
from ipycontainers.oci.descriptor import parse_json

from . import platforms
from .client import LARGEST_MANIFEST, Client, Manifest, Refused, reached
from .credentials import Credentials, stored
from .settings import Settings
from .transport import Transport

_DENIED = frozenset({"denied", "unauthorized"})


@dataclass(frozen=True)
class Asker:
    """On whose behalf: credentials that a client sent, and what the machine says."""

    credentials: Credentials
    settings: Settings

    def clients(self, reference: Reference, actions: str = "pull") -> Iterator[list[Client]]:
        """The ways to its repository: those in one list are alternatives of one registry."""
        transport = Transport(self.settings)
        environ = self.settings.environ if self.settings.environ is not None else os.environ
        known = self.credentials or stored(reference.domain, environ)
        own = self.settings.own_places(reference.domain)
        places = self.settings.places(reference.domain) if actions == "pull" else own
        for place in places:
            if place.is_mirror:  # it is not told who we are elsewhere
                mirrors = stored(place.name, environ)
                yield [Client(transport, place, reference.path, mirrors, actions)]
        yield [Client(transport, place, reference.path, known, actions) for place in own]


def find(
    asker: Asker, reference: Reference, known: frozenset[str] = frozenset()
) -> tuple[Client, Manifest]:
    """The manifest or index that a name means, and who has it; mirrors are asked first.

    Where its digest is one of ``known`` it is not fetched, and has no content.

    Raises NotFound, EngineError, IntegrityError, as the registry itself says.
    """
    wanted = str(reference.digest) if reference.digest else reference.tag
    ways = list(asker.clients(reference))
    for clients in ways[:-1]:
        with suppress(ContainerError):  # a mirror is of help, or is not
            return _asked(clients, wanted, known)
    try:
        return _asked(ways[-1], wanted, known)
    except ContainerError as error:
        raise explained(error, reference) from error


def _asked(clients: list[Client], wanted: str, known: frozenset[str]) -> tuple[Client, Manifest]:
    client = reached(clients)
    if known and (told := client.digest(wanted)) in known:
        return client, Manifest("", Digest.parse(told), b"")
    return client, client.manifest(wanted)


def tags(asker: Asker, reference: Reference) -> list[Reference]:
    """Every tag of a repository. Raises as ``find``; NotFound where there is none."""
    *mirrors, clients = asker.clients(reference)
    try:
        found = _tags(mirrors) or list(reached(clients).pages("tags/list", "tags"))
        listed = [Reference.parse(f"{reference.name}:{tag}") for tag in found]
    except ContainerError as error:
        raise explained(error, reference) from error
    if not listed:
        raise NotFound(f"repository {reference.familiar_name} has no tags")
    return listed


def _tags(mirrors: Iterable[Sequence[Client]]) -> list[str]:
    """Of the first mirror that knows any."""
    for clients in mirrors:
        with suppress(ContainerError):
            if found := list(reached(clients).pages("tags/list", "tags")):
                return found
    return []


def explained(error: ContainerError, reference: Reference) -> ContainerError:
    """A registry's refusal as dockerd tells of it.

    Registries do not tell strangers what exists, so a typo may read as a missing login.
    """
    if isinstance(error, Unauthorized):
        return EngineError(error.message)
    if not isinstance(error, Refused):
        return error
    if error.code in _DENIED or error.status in (401, 403):
        return NotFound(
            f"pull access denied for {reference.familiar_name}, repository does not exist or may "
            f"require 'docker login': {error.message}"
        )
    if error.code == "name_unknown":
        return NotFound(f"repository {reference.familiar_name} not found: {error.message}")
    if error.code == "manifest_unknown" or error.status == 404:
        return NotFound(f"manifest for {reference} not found: {error.message}")
    return error


def described(asker: Asker, reference: Reference) -> tuple[Manifest, list[Platform]]:
    """What a registry has by that name, and for which platforms. Raises as ``find``."""
    client, manifest = find(asker, reference)
    document = manifest.parsed()
    if "manifests" in document:
        return manifest, [entry.platform for entry in platforms.offered(document) if entry.platform]
    config = Descriptor.of(document.get("config"))
    with client.blob(config.digest) as (_, answer):
        content = answer.document(LARGEST_MANIFEST)
    return manifest, [Platform.of(parse_json(content, "the image's config"))]
