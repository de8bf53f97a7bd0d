"""Who a registry is told that we are: what the client sends, else what docker login has kept.

    X-Registry-Auth             of the request: base64url of JSON
    $DOCKER_CONFIG/config.json  else ~/.docker/config.json: "auths", "credsStore", "credHelpers"

A helper is a program, docker-credential-NAME, that is asked for one registry at a time.
https://docs.docker.com/reference/cli/docker/login and docker/docker-credential-helpers

Knows: these formats. Does not know: HTTP, how credentials are used.
"""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipycontainers.errors import Invalid

logger = logging.getLogger(__name__)

HUB_KEY = "https://index.docker.io/v1/"
LARGEST = 1 << 20
PATIENCE = 30.0  # seconds that a helper may take, which may ask its user
TOKEN_USER = "<token>"  # the helpers' word for: the secret is an identity token
_HELPER = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class Credentials:
    """A name and a password, or an identity token that is exchanged for others.

    ``registry_token`` is sent as it is. Nothing at all means a stranger.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.identity_token or self.registry_token)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"

    @classmethod
    def of(cls, document: Mapping[str, object]) -> Credentials:
        """From an entry of config.json, or what a client sends."""

        def text(*keys: str) -> str:
            found = (document.get(key) for key in keys)
            return next((value for value in found if isinstance(value, str) and value), "")

        username, password = text("username"), text("password")
        if pair := text("auth"):
            try:
                decoded = base64.b64decode(pair, validate=False).decode("utf-8", "replace")
            except binascii.Error as error:
                raise Invalid("credentials whose auth is no base64") from error
            first, _, rest = decoded.rstrip("\0").partition(":")
            username, password = username or first, password or rest
        token, registry = text("identitytoken"), text("registrytoken")
        if username == TOKEN_USER:
            username, password, token = "", "", token or password
        return cls(username, password, token, registry)

    @classmethod
    def of_header(cls, text: str) -> Credentials:
        """From X-Registry-Auth. Raises Invalid for what is none."""
        return cls.of(decoded(text, "X-Registry-Auth"))

    @classmethod
    def among(cls, text: str, domain: str) -> Credentials:
        """From X-Registry-Config, which has those of many registries. Raises Invalid."""
        key = HUB_KEY if domain == "docker.io" else domain
        entries = decoded(text, "X-Registry-Config")
        if isinstance(entry := entries.get(domain), dict):
            return cls.of(entry)
        return _entry(entries, key)


def decoded(text: str, name: str) -> Mapping[str, Any]:
    """The object in a header, with either alphabet and with or without its padding; {} for "".

    Raises Invalid for what is none.
    """
    plain = text.strip().rstrip("=").translate(str.maketrans("-_", "+/"))
    if not plain:
        return {}
    try:
        parsed = json.loads(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (ValueError, RecursionError) as error:
        raise Invalid(f"invalid {name} header: {error}") from error
    if not isinstance(parsed, dict):
        raise Invalid(f"invalid {name} header: it is no object")
    return parsed


def stored(domain: str, environ: Mapping[str, str] = os.environ) -> Credentials:
    """What docker login has kept for the registry ``domain``; nothing where there is none.

    What cannot be read is told in the log: a stranger may still be let in.
    """
    home = environ.get("HOME") or str(Path.home())
    folder = Path(environ.get("DOCKER_CONFIG") or Path(home) / ".docker")
    try:
        with (folder / "config.json").open("rb") as file:
            config = json.loads(file.read(LARGEST))
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError, RecursionError) as error:
        logger.warning("%s cannot be read: %s", folder / "config.json", error)
        return Credentials()
    try:
        return _find(config, HUB_KEY if domain == "docker.io" else domain, environ)
    except (AttributeError, TypeError, Invalid) as error:
        logger.warning("%s has no credentials for %s: %s", folder / "config.json", domain, error)
        return Credentials()


def _find(config: Mapping[str, object], key: str, environ: Mapping[str, str]) -> Credentials:
    helpers = _object(config, "credHelpers")
    helper = helpers.get(key) or helpers.get(_host(key)) or config.get("credsStore")
    if helper and (found := _ask(str(helper), key, environ)):
        return found
    return _entry(_object(config, "auths"), key)


def _entry(entries: Mapping[str, Any], key: str) -> Credentials:
    for name, entry in sorted(entries.items(), key=lambda pair: pair[0] != key):
        if name == key or _host(name) == _host(key):
            return Credentials.of(entry) if isinstance(entry, dict) else Credentials()
    return Credentials()


def _object(config: Mapping[str, object], key: str) -> Mapping[str, Any]:
    value = config.get(key) or {}
    if not isinstance(value, dict):
        raise Invalid(f"{key} is no object")
    return value


def _host(key: str) -> str:
    """docker login has written hosts as addresses, too: https://host/v1/."""
    place = key.partition("://")[2] or key
    return place.partition("/")[0].lower()


def _ask(helper: str, key: str, environ: Mapping[str, str]) -> Credentials:
    if not _HELPER.fullmatch(helper):
        raise Invalid(f"{helper!r:.100} is no name of a credential helper")
    try:
        answer = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=key.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
            env=dict(environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.warning("the credential helper %s cannot be asked: %s", helper, error)
        return Credentials()
    if answer.returncode or len(answer.stdout) > LARGEST:
        return Credentials()  # it has none for this registry, and says so in words of its own
    try:
        parsed = json.loads(answer.stdout)
        return Credentials.of(
            {"username": parsed.get("Username"), "password": parsed.get("Secret")}
        )
    except (ValueError, AttributeError, RecursionError):
        logger.warning("the credential helper %s answers with no JSON", helper)
        return Credentials()
