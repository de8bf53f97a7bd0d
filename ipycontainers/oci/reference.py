"""The name of an image, as docker reads and prints it.

    >>> Reference.parse("busybox").full
    'docker.io/library/busybox:latest'
    >>> str(Reference.parse("docker.io/library/busybox:latest"))
    'busybox:latest'
    >>> Reference.parse("localhost:5000/a/b:1").domain
    'localhost:5000'

The grammar and the rules of normalisation are those of
https://github.com/distribution/reference (reference.go, normalize.go).

Knows: names. Does not know: which images exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ipycontainers.errors import Invalid

from .descriptor import Digest

_DEFAULT_DOMAIN = "docker.io"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?", re.ASCII)
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_ID = re.compile(r"[a-f0-9]{64}", re.ASCII)
_LONGEST = 255  # of domain and path, as the distribution code has it


@dataclass(frozen=True)
class Reference:
    """A normalised name; made by ``parse``, so an instance is valid."""

    domain: str
    path: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """``[domain/]path[:tag][@digest]``; without tag and digest it means ``:latest``.

        Invalid when docker would not take it.
        """
        named, at, digest = text.partition("@")
        head, slash, last = named.rpartition("/")
        last, colon, tag = last.partition(":")
        domain, path = _split_domain(f"{head}{slash}{last}")
        if colon and not _TAG.fullmatch(tag):
            raise _invalid(text, "")
        if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path) or _ID.fullmatch(named):
            upper = path.lower() != path
            raise _invalid(text, "repository name must be lowercase" if upper else "")
        if len(domain) + 1 + len(path) > _LONGEST:
            raise _invalid(text, f"repository name must not have more than {_LONGEST} characters")
        try:
            parsed = Digest.parse(digest) if at else None
        except Invalid as error:
            raise _invalid(text, "") from error
        return cls(domain, path, tag or ("" if parsed else "latest"), parsed)

    @property
    def name(self) -> str:
        """Domain and path: what a registry calls the repository."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name as docker prints it: without docker.io/ and library/ where none is meant."""
        if self.domain != _DEFAULT_DOMAIN:
            return self.name
        official = self.path.removeprefix("library/")
        short = self.path if "/" in official else official
        return short if _split_domain(short) == (self.domain, self.path) else self.name

    @property
    def full(self) -> str:
        """With nothing left out: the name under which a layout keeps an image."""
        return self.name + self._suffix

    @property
    def tagged(self) -> Reference:
        """The same without a digest: a name that an image can be given."""
        return replace(self, tag=self.tag or "latest", digest=None)

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag

    def __str__(self) -> str:
        return self.familiar_name + self._suffix


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    names_host = any(mark in first for mark in ".:") or first == "localhost"
    if slash and (names_host or first.lower() != first):
        domain, path = first, rest
    else:
        domain, path = _DEFAULT_DOMAIN, name
    if domain == "index.docker.io":
        domain = _DEFAULT_DOMAIN
    if domain == _DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return domain, path


def _invalid(text: str, why: str) -> Invalid:
    """The message is Docker's."""
    return Invalid(
        "invalid reference format" + (f": {why}" if why else ""),
        f"{text[:300]!r} is no name: [registry/]name[:tag], for example python:3.13-slim",
    )
