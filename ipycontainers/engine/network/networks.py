"""All networks of an engine: those that it has by itself, and those that users made.

    DIR/networks/ID.json    one of them; written, fsynced and renamed before an answer says so

The default bridge has a file too, so that its addresses are the same with the next engine.

Knows: files, dockerd's words about networks. Does not know: containers, HTTP.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainers.engine.record import UNNAMED, write
from ipycontainers.errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from ipycontainers.oci.names import sync_folder

from . import network, routes
from .addresses import Pool, free_pool
from .network import BRIDGE, HOST, NONE, PREDEFINED, Network

logger = logging.getLogger(__name__)

NO_SWARM = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
    "this node to swarm and try again."
)
OVERLAPS = "Pool overlaps with other one on this address space"


class Networks:
    """Safe to use from several threads."""

    def __init__(self, folder: Path, *, machine: Callable[[], list[Pool]] = routes.of_machine):
        """``machine`` tells which addresses are reached already. The folder is made."""
        self._folder, self._machine = folder, machine
        self._lock = threading.Lock()
        self.unreadable: dict[Path, str] = {}
        """Files that cannot be read, and why; they stay, and no network of a user is swept."""
        folder.mkdir(mode=0o700, exist_ok=True)
        self._known = self._read()

    def _read(self) -> dict[str, Network]:
        found: dict[str, Network] = {}
        for half in self._folder.glob(f"*.json.{UNNAMED}*"):
            half.unlink()
        for path in sorted(self._folder.glob("*.json")):
            try:
                made = Network.of(json.loads(path.read_text(encoding="utf-8")))
                if made.id != path.stem:
                    raise ValueError(f"it is of {made.id}")
            except Exception as error:  # noqa: BLE001 - of a file that may hold anything
                self.unreadable[path] = f"{type(error).__name__}: {error}"
                logger.warning("network %s cannot be read: %s", path.stem, error)
                continue
            found[made.id] = made
        for name in (HOST, NONE):
            found[network.predefined_id(name)] = network.predefined(name)
        return found

    def _default(self) -> Network:
        """The network "bridge", whose pool is chosen when it is first asked for."""
        found = self._known.get(network.predefined_id(BRIDGE))
        if found is None:
            found = self._with_pool(replace(network.predefined(BRIDGE), created=time.time()))
            try:
                self._keep(found)
            except OSError as error:  # a full disk; the next engine chooses again
                logger.warning("the default bridge cannot be kept: %s", error)
                self._known[found.id] = found
        return found

    def all(self) -> list[Network]:
        """The predefined ones, then the oldest first."""
        with self._lock:
            own = self._default()
            others = [it for it in self._known.values() if not it.is_predefined]
        named = (network.predefined(HOST), network.predefined(NONE))
        return [own, *named, *sorted(others, key=lambda it: it.created)]

    def find(self, term: str) -> Network:
        """By id, name, or the beginning of an id, in this order. Raises NotFound, and Invalid for
        what means several."""
        every = self.all()
        if not term:
            raise Invalid('invalid name or ID supplied: ""')
        for fits, what in ((_has_id(term), ""), (_has_name(term), "name"), (_begins(term), "ID")):
            found = [it for it in every if fits(it)]
            if len(found) > 1:
                prefix = " prefix" if what == "ID" else ""
                raise Invalid(
                    f"network {term} is ambiguous ({len(found)} matches found based on "
                    f"{what}{prefix})"
                )
            if found:
                return found[0]
        raise NotFound(f"network {term} not found")

    # --- from nothing and to nothing -------------------------------------------------------------

    def create(self, body: Mapping[str, Any]) -> tuple[Network, str]:
        """The network, on the disk, and a warning or "".

        Raises Conflict and Forbidden (names, pools), Invalid, NotFound (drivers), Unsupported.
        """
        _check(body)
        with self._lock:
            name = str(body["Name"])
            same = [it for it in self._known.values() if it.name == name]
            if same and body.get("CheckDuplicate"):
                raise Conflict(f"network with name {name} already exists")
            for said in network.refusals(body):
                raise Invalid(said)
            made = network.of_request(body)
            self._check_interface(made)
            made = self._with_pool(made)
            self._keep(made)
        return made, " ".join(_warnings(made, same))

    def _check_interface(self, made: Network) -> None:
        """Raises Forbidden, in dockerd's words, where another network's bridge is called so."""
        for other in (self._default(), *self._known.values()):
            if other.driver == "bridge" and other.interface == made.interface:
                it = made.interface
                raise Forbidden(
                    f"cannot create network {made.id} ({it}): conflicts with network {other.id} "
                    f"({it}): networks have same bridge name"
                )

    def _with_pool(self, made: Network) -> Network:
        """With one of its own that no other network has. Raises Forbidden, NotFound."""
        taken = [it.pool for it in self._known.values() if it.pool]
        if made.is_given:
            assert made.pool
            if any(map(made.pool.overlaps, taken)):
                raise Forbidden(OVERLAPS)
            return made
        pool = free_pool([*taken, *self._machine()])
        if pool is None:
            raise NotFound(
                "could not find an available, non-overlapping IPv4 address pool among the defaults "
                "to assign to the network"
            )
        return made.with_pool(pool)

    def _keep(self, made: Network) -> None:
        write(self._folder / f"{made.id}.json", json.dumps(made.to_dict()).encode())
        self._known[made.id] = made

    def remove(self, given: Network) -> None:
        """Raises Forbidden for one that the engine has by itself. Idempotent."""
        if given.is_predefined:
            raise Forbidden(f"{given.name} is a pre-defined network and cannot be removed")
        with self._lock:
            self._unlink(self._folder / f"{given.id}.json")
            self._known.pop(given.id, None)

    def remove_unreadable(self, term: str) -> bool:
        """One whose file cannot be read, by the beginning of its id; whether there was one."""
        found = [path for path in self.unreadable if term and path.stem.startswith(term)]
        for path in found[:1]:
            with self._lock:
                self._unlink(path)
                del self.unreadable[path]
        return bool(found)

    def _unlink(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        sync_folder(self._folder)


def _has_id(term: str) -> Callable[[Network], bool]:
    return lambda it: it.id == term


def _has_name(term: str) -> Callable[[Network], bool]:
    return lambda it: it.name == term


def _begins(term: str) -> Callable[[Network], bool]:
    return lambda it: it.id.startswith(term)


def _check(body: Mapping[str, Any]) -> None:
    """What a name and a driver may be, in dockerd's order."""
    name, driver = str(body.get("Name") or ""), str(body.get("Driver") or "bridge")
    if name in (*PREDEFINED, "default"):
        raise Forbidden(f"operation is not permitted on predefined {name} network ")
    if body.get("Ingress"):
        raise Forbidden("Ingress network can only be global scope network")
    if body.get("Scope") == "swarm":
        raise Forbidden("cannot create a swarm scoped network when swarm is not active")
    if driver == "overlay" or str(body.get("Scope") or "local") != "local":
        raise Invalid(NO_SWARM)
    if not name.strip():
        raise Invalid(f"invalid name: {name}")
    if driver in ("host", "null"):
        raise Forbidden(f'only one instance of "{driver}" network is allowed')
    if driver in ("macvlan", "ipvlan"):
        raise Unsupported(
            f"--driver {driver} is refused: this engine runs without root and has no interface of "
            "the machine to give. Use the driver bridge"
        )
    ipam = str((body.get("IPAM") or {}).get("Driver") or "default")
    for plugin, known in ((driver, "bridge"), (ipam, "default")):
        if plugin != known:
            raise NotFound(f'plugin "{plugin}" not found')
    for key, option in (("ConfigOnly", "--config-only"), ("ConfigFrom", "--config-from")):
        given = body.get(key)
        if given and given != {"Network": ""}:
            raise Unsupported(
                f"{option} is refused: this engine keeps no configurations of networks"
            )


def _warnings(made: Network, same: Iterable[Network]) -> Iterable[str]:
    for other in same:
        yield f"Network with name {made.name} (id : {other.id}) already exists"
        break
    if made.has_ipv6 or any(":" in str(pool["Subnet"]) for pool in made.pools):
        yield "IPv6 is ignored by this engine: containers get addresses of IPv4 only."
    yield from network.warnings(made.options or {})
