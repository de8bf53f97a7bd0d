"""--link of the default bridge: names of another container, and variables that tell of it.

What a record keeps are ids and aliases, since names may change. A link to a container that is
removed goes with it.

Knows: Docker's rules for links (https://docs.docker.com/network/links). Does not know: the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ipycontainers.engine.record import Record
from ipycontainers.errors import EngineError, Invalid, NotFound

from . import ports
from .binding import split
from .names import Line
from .network import BRIDGE

Pairs = tuple[tuple[str, str], ...]
"""Ids of containers, and what each is called."""

_NOT_TOLD = ("HOME", "PATH")


def parse(text: str) -> tuple[str, str]:
    """NAME:ALIAS, or what inspect gives of it: the container and its alias.

    >>> parse("/db:/web/store"), parse("db")
    (('db', 'store'), ('db', 'db'))
    """
    name, _, alias = text.partition(":")
    name = name.removeprefix("/")
    return name, (alias.rpartition("/")[2] or name)


def asked(host: Mapping[str, Any], find: Callable[[str], Record]) -> Pairs:
    """Of a HostConfig. Raises Invalid, in dockerd's words."""
    return tuple(_found(*parse(str(text)), find) for text in host.get("Links") or ())


def _found(name: str, alias: str, find: Callable[[str], Record]) -> tuple[str, str]:
    try:
        other = find(name)
    except NotFound as error:
        raise Invalid(f"could not get container for {name}: {error.message}") from error
    if other.host_config["NetworkMode"] == "host":
        raise Invalid(
            "conflicting options: host type networking can't be used with links. This would "
            "result in undefined behavior"
        )
    return other.id, alias


class Links:
    """``records`` gives all containers that there are."""

    def __init__(self, records: Callable[[], list[Record]]) -> None:
        self._records = records

    def of(self, record: Record) -> Iterator[tuple[Record, str]]:
        """Those that are there, and their aliases."""
        wanted = dict(record.links)
        for other in self._records() if wanted else ():
            if other.id in wanted:
                yield other, wanted[other.id]

    def check(self, record: Record) -> None:
        """Before a start. Raises EngineError where one that is to be known does not run."""
        is_bridged = any(endpoint.name == BRIDGE for endpoint in record.endpoints)
        for other, alias in self.of(record) if is_bridged else ():
            if not other.is_up:
                raise EngineError(
                    f"Cannot link to a non running container: /{other.name} AS "
                    f"/{record.name}/{alias}"
                )

    def lines(self, record: Record) -> Iterator[Line]:
        """For its /etc/hosts."""
        for other, alias in self.of(record):
            if lease := other.leases.get(BRIDGE):
                yield lease.host, (alias, str(other.config["Hostname"]), other.name)

    def variables(self, record: Record) -> Iterator[str]:
        """For its program."""
        for other, alias in self.of(record):
            if BRIDGE in record.leases and (lease := other.leases.get(BRIDGE)):
                yield from _variables(record.name, alias, lease.host, other.config)

    def shown(self, record: Record) -> list[str] | None:
        """As inspect's HostConfig has them."""
        found = [f"/{other.name}:/{record.name}/{alias}" for other, alias in self.of(record)]
        return found or None

    def names(self) -> dict[str, list[str]]:
        """By id, what containers are called besides their names."""
        found: dict[str, list[str]] = {}
        for record in self._records():
            for other, alias in self.of(record):
                found.setdefault(other.id, []).append(f"/{record.name}/{alias}")
        return found

    def take_away(self, text: str) -> Record:
        """The link "OWNER/ALIAS"; whose it was. Raises NotFound, OSError."""
        owner, _, alias = text.removeprefix("/").partition("/")
        for record in self._records():
            if record.name == owner and alias in dict(record.links).values():
                with record.lock:
                    record.change(links=tuple(it for it in record.links if it[1] != alias))
                return record
        raise NotFound(f"No such container: {text}")


def _variables(owner: str, alias: str, address: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Which dockerd sets in ``owner`` for what it calls ``alias``; ``config`` is the other's."""
    word = alias.upper().replace("-", "_")
    yield from _of_ports(word, address, ports.exposed(config))
    yield f"{word}_NAME=/{owner}/{alias}"
    for text in config.get("Env") or ():
        name, equals, value = str(text).partition("=")
        if equals and name not in _NOT_TOLD:
            yield f"{word}_ENV_{name}={value}"


def _of_ports(word: str, address: str, exposed: Iterable[str]) -> Iterator[str]:
    for number, text in enumerate(exposed):
        port, protocol = split(text)
        whole = f"{protocol}://{address}:{port}"
        if number == 0:
            yield f"{word}_PORT={whole}"
        key = f"{word}_PORT_{port}_{protocol.upper()}"
        yield f"{key}={whole}"
        yield f"{key}_ADDR={address}"
        yield f"{key}_PORT={port}"
        yield f"{key}_PROTO={protocol}"
