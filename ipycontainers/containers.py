"""A container by what a person calls it: its name, its id, or the name of its session.

    found = find(connection, "lab")         the engine's answer to inspect, or None
    called(found)                           "lab"

Knows: inspect, the labels of sessions. Does not know: what is done with it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import NotFound
from ipycontainers.watchdog.labels import KERNEL, SESSION, kernel_id

if TYPE_CHECKING:
    from ipycontainers.client import Connection


def find(connection: Connection, name: str) -> dict[str, Any] | None:
    """The engine's answer to inspect, of what is called so; None where nothing is.

    A name or id goes before a session's; of several sessions of that name this notebook's does,
    and then one that runs.
    """
    try:
        return connection.inspect(name)
    except NotFound:
        found = connection.list_containers(labels={SESSION: name})
    for one in sorted(found, key=_rank):
        with contextlib.suppress(NotFound):
            return connection.inspect(str(one["Id"]))
    return None


def _rank(listed: Mapping[str, Any]) -> tuple[bool, bool]:
    labels = listed.get("Labels") or {}
    return labels.get(KERNEL) != kernel_id(), listed.get("State") != "running"


def called(inspected: Mapping[str, Any]) -> str:
    """A session of this notebook by the session's name, each other one by its own."""
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    session = labels.get(SESSION) if labels.get(KERNEL) == kernel_id() else ""
    return str(session or inspected.get("Name") or "").lstrip("/")


def action(event: dict[str, Any]) -> str:
    """What has happened, in the engine's word: "start", "exec_create: sh"."""
    return str(event.get("Action") or event.get("status") or "")


def is_named(event: dict[str, Any], name: str) -> bool:
    """Whether an event of the engine is of a container that ``find`` could find by this name."""
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    names = {attributes.get("name"), attributes.get("oldName", "").lstrip("/")}
    session = attributes.get(SESSION)
    return str(actor.get("ID", "")).startswith(name) or name in names or name == session
