"""Docker's JSON of published ports, in inspect and in the list.

Knows: the Docker Engine API 1.41. Does not know: how anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .network import ports
from .network.binding import Binding, split
from .wire import Json


def settings(record: Mapping[str, Any]) -> Json:
    """NetworkSettings.Ports: while it runs, all that is exposed, with what is open for it.

    ``record`` is what ``Record.describe`` tells.
    """
    return {
        port: [{"HostIp": one.host_ip, "HostPort": str(one.host_port)} for one in them] or None
        for port, them in _open(record).items()
    }


def summary(record: Mapping[str, Any]) -> list[Json]:
    """Ports of a container in the list."""
    found: list[Json] = []
    for port, them in _open(record).items():
        number, protocol = split(port)
        for one in them:
            inside = {"PrivatePort": number, "PublicPort": one.host_port, "Type": protocol}
            found.append({"IP": one.host_ip, **inside})
        if not them:
            found.append({"PrivatePort": number, "Type": protocol})
    return found


def _open(record: Mapping[str, Any]) -> dict[str, list[Binding]]:
    if record["status"] not in ("running", "paused"):
        return {}
    if not ports.has_ports_of_its_own(record["host_config"]) or not record["leases"]:
        return {}
    known: dict[str, list[Binding]] = {port: [] for port in ports.exposed(record["config"])}
    return {**known, **ports.by_port(record["ports"])}
