"""Containers that have another one's network, or none: --network container:NAME, none, host.

Knows: modes of networks, dockerd's words about them. Does not know: addresses, namespaces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from ipycontainers.engine import etc
from ipycontainers.engine.record import Record
from ipycontainers.errors import Conflict, Invalid, NotFound, Unsupported

from . import hosts
from .asking import OF_CONTAINER
from .network import HOST, NONE, Network

NOT_WITH_HOST = "container cannot be disconnected from host network or connected to host network"
_NOT_WITH_NONE = (
    "container cannot be connected to multiple networks with one of the networks in private (none) "
    "mode"
)
_NOT_WITH_ANOTHERS = (
    "container sharing network namespace with another container or host cannot be connected to any "
    "other network"
)


def named(host: dict[str, Any], find: Callable[[str], Record]) -> Record | None:
    """Whose network a HostConfig asks for, by id from now on. None where it asks for no
    container's, or for one that is not there, which is told at the start, as dockerd does."""
    mode = str(host["NetworkMode"])
    if mode.startswith(OF_CONTAINER):
        with suppress(NotFound):
            found = find(mode.removeprefix(OF_CONTAINER))
            host["NetworkMode"] = f"{OF_CONTAINER}{found.id}"
            return found
    return None


def names_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a Config one has that is in another's network."""
    return {key: config[key] for key in ("Hostname", "Domainname")}


def owner(record: Record, records: Iterable[Record]) -> Record | None:
    """Whose network it has; None: its own. Raises NotFound, Conflict for one that does not run."""
    mode = str(record.host_config["NetworkMode"])
    if not mode.startswith(OF_CONTAINER):
        return None
    name = mode.removeprefix(OF_CONTAINER)
    for other in records:
        if name in (other.id, other.name):
            if not other.is_running:
                raise Conflict(f"cannot join network of a non running container: {other.id}")
            return other
    raise NotFound(f"No such container: {name}")


def running_owner(record: Record, records: Iterable[Record]) -> Record | None:
    """The same of one that runs, whatever has become of the other."""
    with suppress(Conflict, NotFound):
        return owner(record, records) if record.is_running else None
    return None


def copy_names(shared: Record, record: Record) -> None:
    """The files by which a container finds others, as they are in the one that it shares, which may
    have taken them away. OSError."""
    texts = dict.fromkeys(etc.NAMES, "")
    for name in texts:
        with suppress(OSError):
            texts[name] = hosts.read(shared.directory / "etc" / name)
    etc.write(record.directory / "etc", texts)


def check_joining(record: Record, network: Network) -> None:
    """Whether it may come into one more network. Raises Invalid, Unsupported."""
    here = {endpoint.name for endpoint in record.endpoints}
    if HOST in (*here, network.name) and {network.name} != here:
        raise Invalid(NOT_WITH_HOST)
    if NONE in (*here, network.name) and here and {network.name} != here:
        raise Invalid(_NOT_WITH_NONE)
    if str(record.host_config["NetworkMode"]).startswith(OF_CONTAINER):
        raise Invalid(_NOT_WITH_ANOTHERS)
    if record.is_running and record.network == "none" and network.name != NONE:
        raise Unsupported(
            f"container {record.name} was started without a network, and can be given none while "
            "it runs: stop it, and connect it then"
        )
