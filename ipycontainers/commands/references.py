"""Names of images as people write them, and as engines do.

Knows: docker.io's short forms. Does not know: registries.
"""

from __future__ import annotations


def familiar(reference: str) -> str:
    """``docker.io/library/alpine:3`` → ``alpine:3``, as the docker command shows it."""
    for host in ("docker.io/", "index.docker.io/"):
        if reference.startswith(host):
            return reference.removeprefix(host).removeprefix("library/")
    return reference


def split(reference: str) -> tuple[str, str, str]:
    """``repo:tag@digest`` → repository, tag, digest; "" for what is not there."""
    name, _, digest = reference.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        return name, "", digest
    return repository, tag, digest
