"""Networks: the three that there are can be listed and looked at; no swarm, no plugins.

Knows: dockerd's queries. Does not know: how a container is connected.
"""

from __future__ import annotations

from collections.abc import Callable

from ipycontainers.engine import network_shapes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import NotFound

from .containers import filters_of

OF_PRUNE = ("label", "label!", "until")
FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)


async def listed(engine: Engine, request: Request) -> Answer:
    wanted = filters_of(request, FILTERS)
    every = map(network_shapes.network, network_shapes.DRIVERS)
    return Reply(200, [network for network in every if _passes(network, wanted)])


def _passes(network: wire.Json, wanted: dict[str, list[str]]) -> bool:
    own: dict[str, Callable[[str], bool]] = {
        "dangling": lambda value: not wire.flag(value),
        "driver": lambda value: value == network["Driver"],
        "id": lambda value: value in network["Id"],
        "label": {}.__contains__,
        "name": lambda value: value in network["Name"],
        "scope": lambda value: value == "local",
        "type": lambda value: value == "builtin",
    }
    return all(any(map(own[name], values)) for name, values in wanted.items() if values)


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    """By name, id, or the beginning of an id."""
    for known in network_shapes.DRIVERS:
        if name == known or network_shapes.network_id(known).startswith(name):
            return Reply(200, network_shapes.network(known))
    raise NotFound(f"network {name} not found")


async def prune(engine: Engine, request: Request) -> Answer:
    """Those that there are always stay: nothing goes."""
    filters_of(request, OF_PRUNE)
    engine.events.publish("network", "prune", "", {"reclaimed": "0"})
    return Reply(200, {"NetworksDeleted": None})


async def swarm_leave(engine: Engine, request: Request) -> Answer:
    return Reply(503, {"message": "This node is not part of a swarm"})


async def no_swarm(engine: Engine, request: Request) -> Answer:
    return Reply(503, {"message": NO_MANAGER})


async def plugins(engine: Engine, request: Request) -> Answer:
    return Reply(200, [])


async def no_plugin(engine: Engine, request: Request, name: str) -> Answer:
    raise NotFound(f'plugin "{name}" not found')
