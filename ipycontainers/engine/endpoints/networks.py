"""Networks: create, list, inspect, connect, disconnect, remove, prune; no swarm, no plugins.

Knows: dockerd's queries, filters and statuses. Does not know: how a container is connected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from ipycontainers.engine import network_shapes, wire
from ipycontainers.engine.engine import Engine
from ipycontainers.engine.kinds import check, checked
from ipycontainers.engine.network import asking
from ipycontainers.engine.network.network import Network
from ipycontainers.engine.network.networks import NO_SWARM
from ipycontainers.engine.server import Answer, Reply, Request
from ipycontainers.errors import Forbidden, Invalid, NotFound

from .containers import filters_of, json_of, meant
from .volumes import fits

OF_PRUNE = ("label", "label!", "until")
FILTERS = ("dangling", "driver", "id", "label", "name", "scope", "type")
KINDS = {"custom": False, "builtin": True}
YES, NO = ("1", "true"), ("0", "false")
_TEXTS = "map[string]string"
OF_CREATE = {
    **dict.fromkeys(("Name", "Driver", "Scope"), "string"),
    **dict.fromkeys(("CheckDuplicate", "EnableIPv6", "Internal", "Attachable"), "bool"),
    **dict.fromkeys(("Ingress", "ConfigOnly"), "bool"),
    **dict.fromkeys(("Options", "Labels"), _TEXTS),
    "IPAM": "network.IPAM",
    "ConfigFrom": "network.ConfigReference",
}
OF_IPAM = {"Driver": "string", "Options": _TEXTS, "Config": "[]network.IPAMConfig"}
OF_POOL = {
    **dict.fromkeys(("Subnet", "IPRange", "Gateway"), "string"),
    "AuxiliaryAddresses": _TEXTS,
}
OF_CONNECT = {"Container": "string", "EndpointConfig": "network.EndpointSettings"}
OF_ENDPOINT = {
    **dict.fromkeys(("MacAddress", "NetworkID"), "string"),
    **dict.fromkeys(("Links", "Aliases"), "[]string"),
    "IPAMConfig": "network.EndpointIPAMConfig",
    "DriverOpts": _TEXTS,
}
OF_DISCONNECT = {"Container": "string", "Force": "bool"}


async def create(engine: Engine, request: Request) -> Answer:
    made, warning = await asyncio.to_thread(engine.networks.create, _of_create(json_of(request)))
    engine.connections.created(made)
    return Reply(201, {"Id": made.id, "Warning": warning})


def _of_create(given: wire.Json) -> wire.Json:
    """With the keys that Go would find. Raises Invalid, in Go's words."""
    body = checked(given, "NetworkCreateRequest", OF_CREATE)
    if ipam := body.get("IPAM"):
        body["IPAM"] = ipam = checked(ipam, "IPAM.IPAM", OF_IPAM)
        pools = ipam.get("Config") or ()
        for pool in pools:
            check(pool, "IPAM.IPAM.Config", "network.IPAMConfig")
        ipam["Config"] = [checked(pool or {}, "IPAMConfig.IPAM.Config", OF_POOL) for pool in pools]
    return body


async def listed(engine: Engine, request: Request) -> Answer:
    wanted = filters_of(request, FILTERS)
    _check(wanted)
    every = await asyncio.to_thread(engine.networks.all)
    used = {network.id for network in every if engine.connections.members(network)}
    return Reply(200, [network_shapes.network(it) for it in every if _passes(it, wanted, used)])


def _check(wanted: Mapping[str, Sequence[str]]) -> None:
    for value in wanted.get("type", ()):
        if value not in KINDS:
            raise Invalid(f"invalid filter: 'type'='{value}'")
    dangling = wanted.get("dangling", ())
    if len(dangling) > 1:
        raise Invalid('got more than one value for filter key "dangling"')
    if dangling and dangling[0] not in (*YES, *NO):
        raise Invalid(
            'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
        )


def _passes(network: Network, wanted: Mapping[str, Sequence[str]], used: set[str]) -> bool:
    is_dangling = not network.is_predefined and network.id not in used
    own: dict[str, Callable[[str], bool]] = {
        "dangling": lambda value: is_dangling == (value in YES),
        "driver": lambda value: value == network.driver,
        "id": lambda value: value in network.id,
        "name": lambda value: value in network.name or fits(value, network.name),
        "scope": lambda value: value == "local",
        "type": lambda value: KINDS[value] == network.is_predefined,
    }
    if not wire.has_labels(network.labels or {}, wanted.get("label", ())):
        return False
    return all(
        any(map(own[key], values)) for key, values in wanted.items() if key in own and values
    )


async def inspected(engine: Engine, request: Request, name: str) -> Answer:
    """By name, id, or the beginning of an id."""
    verbose, scope = request.query.get("verbose", ""), request.query.get("scope", "")
    if verbose and verbose.lower() not in (*YES, *NO, "t", "f"):
        raise Invalid(
            f'invalid value for verbose: {verbose}: strconv.ParseBool: parsing "{verbose}": '
            "invalid syntax"
        )
    found = await asyncio.to_thread(engine.networks.find, name)
    if scope not in ("", "local"):
        raise NotFound(f"network {name} not found")
    return Reply(200, network_shapes.network(found, engine.connections.members(found)))


async def connect(engine: Engine, request: Request, name: str) -> Answer:
    body = checked(json_of(request), "NetworkConnect", OF_CONNECT)
    given = body.get("EndpointConfig") or {}
    asked = checked(given, "EndpointSettings.EndpointConfig", OF_ENDPOINT)
    record = engine.find(_container(body))
    network = await asyncio.to_thread(engine.networks.find, name)
    end = asking.endpoint(network.name, asked)
    await asyncio.to_thread(engine.connections.connect, record, network, end)
    return Reply(200)


async def disconnect(engine: Engine, request: Request, name: str) -> Answer:
    body = checked(json_of(request), "NetworkDisconnect", OF_DISCONNECT)
    try:
        record = engine.find(_container(body))
    except NotFound as error:
        if not body.get("Force"):
            raise
        await asyncio.to_thread(engine.networks.find, name)
        raise NotFound(f"endpoint {body['Container']} not found") from error
    network = await asyncio.to_thread(engine.networks.find, name)
    await asyncio.to_thread(engine.connections.disconnect, record, network)
    return Reply(200)


def _container(body: wire.Json) -> str:
    name = str(body.get("Container") or "")
    if not name:
        raise Invalid('invalid name or ID supplied: ""')
    return name


async def remove(engine: Engine, request: Request, name: str) -> Answer:
    try:
        found = await asyncio.to_thread(engine.networks.find, name)
    except NotFound:
        if await asyncio.to_thread(engine.networks.remove_unreadable, name):
            return Reply(204)
        raise
    await asyncio.to_thread(engine.connections.remove, found)
    return Reply(204)


async def prune(engine: Engine, request: Request) -> Answer:
    """All of users that no running container is in."""
    wanted = filters_of(request, OF_PRUNE)
    if len(wanted.get("until", ())) > 1:
        raise Invalid("more than one until filter specified")
    is_to_go = meant(wanted)
    gone = []
    for network in await asyncio.to_thread(engine.networks.all):
        if network.is_predefined or not is_to_go(network.labels, network.created):
            continue
        try:
            await asyncio.to_thread(engine.connections.remove, network)
        except Forbidden:  # it is used
            continue
        gone.append(network.name)
    engine.events.publish("network", "prune", "", {"reclaimed": "0"})
    return Reply(200, {"NetworksDeleted": gone or None})


async def swarm_leave(engine: Engine, request: Request) -> Answer:
    return Reply(503, {"message": "This node is not part of a swarm"})


async def no_swarm(engine: Engine, request: Request) -> Answer:
    return Reply(503, {"message": NO_SWARM})


async def plugins(engine: Engine, request: Request) -> Answer:
    return Reply(200, [])


async def no_plugin(engine: Engine, request: Request, name: str) -> Answer:
    raise NotFound(f'plugin "{name}" not found')
