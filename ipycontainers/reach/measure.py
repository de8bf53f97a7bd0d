"""Tries to connect, from containers by a program of theirs, and from here.

Only connections are made: nothing is sent. A container without a shell, or without any program
that connects, is not changed for it: what the networks say stands in the answer then.

Knows: exec, sockets. Does not know: what is shown of it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ipycontainers import answers
from ipycontainers.containers import called, find
from ipycontainers.errors import ContainerError, NotFound

from . import attempts
from .attempts import HERE, REACHED, REFUSED, UNKNOWN, Attempt, meaning
from .places import SHARED, Isolating, Place, networks, places

if TYPE_CHECKING:
    from ipycontainers.client import Connection

PATIENCE = 2  # seconds for one connection
MOST = 16  # containers: each tries to reach each other
BOOT = Path("/proc/sys/kernel/random/boot_id")
# Each pair of arguments is a host and a port; each is answered by "NUMBER CODE WORDS" in a line.
# busybox's nc ends by -e when it is connected, others by -z. Its timeout leaves a process behind,
# which stays as a zombie where the container's first program takes care of none.
SCRIPT = f"""
one() {{
    if command -v python3 >/dev/null 2>&1; then
        python3 -c 'import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), {PATIENCE}).close()' "$1" "$2"
    elif command -v nc >/dev/null 2>&1; then
        case $(nc --help 2>&1) in
            *BusyBox*) nc -w {PATIENCE} "$1" "$2" -e true </dev/null ;;
            *) nc -z -w {PATIENCE} "$1" "$2" </dev/null ;;
        esac
    elif command -v bash >/dev/null 2>&1; then
        timeout {PATIENCE} bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2"
    else
        return 99
    fi
}}
read boot 2>/dev/null <{BOOT} && echo "boot $boot"
number=0
while [ $# -gt 1 ]; do
    (said=$(one "$1" "$2" 2>&1); echo "$number" $? $said) &
    number=$((number + 1))
    shift 2
done
wait
"""


@dataclass(frozen=True)
class Reach:
    """What was found. ``internal`` are networks that have no way out; ``is_here``: the containers
    run on this machine; ``is_open``: the engine keeps none of them apart."""

    places: tuple[Place, ...]
    attempts: tuple[Attempt, ...]
    internal: frozenset[str] = frozenset()
    is_here: bool = True
    is_open: bool = False


@dataclass(frozen=True)
class _Answers:
    """Of one container: its attempts, and the boot id of its kernel, "" where it said none."""

    attempts: list[Attempt]
    boot: str


def measure(connection: Connection, names: Sequence[str] = ()) -> Reach:
    """The containers that run, those of ``names`` or at most ``MOST``, and all attempts.

    Raises NotFound for a name that none has, and what engines do when they are asked.
    """
    told = [_with_mode(connection, one) for one in connection.list_containers(all=False)]
    known = networks(connection.daemon.get("networks") or ())
    isolating = _isolating(connection)
    chosen = _chosen(connection, places(told, isolating, known), names)
    every = tuple(_with_ports(connection, one) for one in chosen)
    gateways = {name: at for one in every for name, at in one.gateways.items()}
    with (
        _listening({*gateways.values(), *map(attempts.host_for, every)} - {""}) as ports,
        ThreadPoolExecutor(8) as pool,
    ):
        heard = list(pool.map(lambda one: _from(connection, one, every, ports), every))
    is_here = _is_here(connection, {one.boot for one in heard} - {""})
    found = [attempt for one in heard for attempt in one.attempts]
    # A network without its gateway here is not this machine's, as those of rootless engines.
    foreign = {name for name, at in gateways.items() if at not in ports}
    foreign |= {name for one in found if one.target == HERE for name in _foreign(one, every)}
    found = [one if _is_ours(one, is_here=is_here) else _not_tried(one) for one in found]
    planned = attempts.of_here(every, _host_of(connection), foreign, is_here=is_here)
    internal = frozenset(name for name, network in known.items() if network.internal)
    every_attempt = (*_from_here(planned), *found)
    reach = Reach(every, every_attempt, internal, is_here, is_open=not isolating.none)
    return _as_called(reach, {str(one["Id"]): one for one in told})


def _as_called(reach: Reach, told: Mapping[str, Mapping[str, Any]]) -> Reach:
    """With the names of this notebook's sessions, as a person calls them, in place of their
    containers'; a container that is called so goes before. ``told`` is by id."""
    titles = {one.name: one.name for one in reach.places}
    for one in reach.places:
        title = called({"Config": told[one.id], "Name": one.name})
        titles[one.name] = one.name if title in titles else title

    def shown(name: str) -> str:
        return titles.get(name, name)

    places = (replace(it, name=shown(it.name), lender=shown(it.lender)) for it in reach.places)
    tried = (replace(it, source=shown(it.source), target=shown(it.target)) for it in reach.attempts)
    return replace(reach, places=tuple(places), attempts=tuple(tried))


def _is_here(connection: Connection, boots: set[str]) -> bool:
    """By the boot id of the kernel, where a container said it; else by the engine's address."""
    if boots:
        try:
            return BOOT.read_text(encoding="ascii").strip() in boots
        except OSError:
            return False
    address = urlsplit(connection.candidate.address)
    return address.scheme in ("unix", "npipe") or address.hostname in ("localhost", SHARED)


def _foreign(one: Attempt, every: Sequence[Place]) -> list[str]:
    """The networks of a container whose gateway is not at this machine, though an address here is
    the same: two engines may have chosen the same."""
    if one.result == REACHED or not one.measured:
        return []
    return [name for place in every if place.name == one.source for name in place.networks]


def _is_ours(one: Attempt, *, is_here: bool) -> bool:
    """Whether it was this machine that was tried: here somebody listens."""
    return one.target != HERE or (is_here and one.result != REFUSED)


def _not_tried(one: Attempt) -> Attempt:
    return replace(one, address="", port=0, result=UNKNOWN, measured=False)


def _isolating(connection: Connection) -> Isolating:
    """Every engine but our own does, and that one says what it does."""
    if not connection.launcher:
        return Isolating()
    told = dict(connection.info().get("DriverStatus") or ())
    has_own = "network-none" in str(told.get("Isolates")).split()
    return Isolating(none=has_own, others=has_own and not connection.network_lack)


def _chosen(
    connection: Connection, every: Sequence[Place], names: Sequence[str]
) -> tuple[Place, ...]:
    if not names:
        return tuple(every[:MOST])
    wanted = {}
    for name in names:
        found = find(connection, name) or {}
        place = next((one for one in every if one.id == found.get("Id")), None)
        if place is None:
            raise NotFound(
                f"no container {name} runs", "%container sessions and %docker ps list them"
            )
        wanted[place.id] = place
    return tuple(one for one in every if one.id in wanted)


def _with_mode(connection: Connection, told: Mapping[str, Any]) -> Mapping[str, Any]:
    """Podman's list does not say whose network a container has."""
    if (told.get("HostConfig") or {}).get("NetworkMode"):
        return told
    try:
        return {**told, "HostConfig": connection.inspect(str(told["Id"]))["HostConfig"]}
    except ContainerError:  # it has ended by now
        return told


def _with_ports(connection: Connection, place: Place) -> Place:
    """Podman's list has only those that are published."""
    if place.ports:
        return place
    try:
        exposed = connection.inspect(place.id)["Config"].get("ExposedPorts") or {}
    except ContainerError:  # it has ended by now
        return place
    found = (port.partition("/") for port in exposed)
    numbers = (int(port) for port, _, kind in found if kind == "tcp" and port.isdecimal())
    return replace(place, ports=tuple(sorted(numbers)))


def _from(
    connection: Connection, source: Place, every: Sequence[Place], ports: dict[str, int]
) -> _Answers:
    address = attempts.host_for(source)
    port = ports.get(address, 0)
    planned = attempts.of_container(source, every, (address, port) if port or not address else None)
    tried = [one for one in planned if one.address]
    words = [word for one in tried for word in (one.address, str(one.port))]
    said = answers.output(connection, source.id, SCRIPT, *words) if words else b""
    lines = said.decode("utf-8", "replace")
    found = parsed(lines, len(tried))
    results = {id(one): found[n] for n, one in enumerate(tried) if n in found}
    boots = [line[5:41] for line in lines.splitlines() if line.startswith("boot ")]
    return _Answers(
        [one.found(results[id(one)]) if id(one) in results else one for one in planned],
        boots[0] if boots else "",
    )


def parsed(said: str, count: int) -> dict[int, str]:
    """The meaning of each answer, by its number; what is no answer, or none is known, is left
    out."""
    found: dict[int, str] = {}
    for line in said.splitlines():
        number, _, rest = line.partition(" ")
        code, _, words = rest.partition(" ")
        if number.isdecimal() and code.isdecimal() and int(number) < count and code != "99":
            result = meaning(int(code), words)
            if result != attempts.UNKNOWN:
                found[int(number)] = result
    return found


def _from_here(planned: Sequence[Attempt]) -> list[Attempt]:
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(_tried, planned))


def _tried(one: Attempt) -> Attempt:
    if not one.address:
        return one
    try:
        socket.create_connection((one.address, one.port), PATIENCE).close()
    except OSError as error:
        return one.found(meaning(1, str(error)))
    return one.found(REACHED)


@contextlib.contextmanager
def _listening(gateways: set[str]) -> Iterator[dict[str, int]]:
    """A port at each address of this machine's by which containers see it; where an engine's
    networks are elsewhere, there is none. Whoever connects is let go at once."""
    with contextlib.ExitStack() as opened:
        ports: dict[str, int] = {}
        for address in gateways:
            with contextlib.suppress(OSError):
                made = opened.enter_context(socket.create_server((address, 0), backlog=64))
                ports[address] = made.getsockname()[1]
        yield ports


def _host_of(connection: Connection) -> str:
    """The host whose ports containers publish."""
    return urlsplit(connection.candidate.address).hostname or SHARED


__all__ = ["HERE", "Attempt", "Place", "Reach", "measure", "parsed"]
