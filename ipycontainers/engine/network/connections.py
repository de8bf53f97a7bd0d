"""Containers come into networks and leave them: what each has while it runs, and who knows it.

    containers/ID/leases.json    addresses of one that runs; written before it has them, and not
                                 synced: what they were is of no use after the machine's end

What a container asked for is in its record. A lease without its endpoint in the record is one that
was never answered, or that is half given back; ``adopt`` takes it away.

Knows: networks, records, the keeper. Does not know: HTTP, supervisors. Safe to use from several
threads; ``record.lock`` comes before the lock in here.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from ipycontainers.engine import creation, etc
from ipycontainers.engine.events import Events
from ipycontainers.engine.record import Record
from ipycontainers.engine.supervise import folder
from ipycontainers.errors import EngineError, Forbidden, Invalid, NotFound

from . import addresses, allowing, hosts, names, routes, sharing
from .endpoint import Endpoint, Lease
from .joining import Joining, attachment
from .links import Links
from .names import Member
from .network import BRIDGE, HOST, PREDEFINED, Network
from .networks import Networks

logger = logging.getLogger(__name__)

FILE = "leases.json"
LOCAL = "127.0.0.1/8"  # where all are that have the host's network


class Connections:
    """``records`` gives all containers that there are."""

    def __init__(
        self,
        networks: Networks,
        joining: Joining,
        records: Callable[[], list[Record]],
        events: Events,
    ) -> None:
        self.networks = networks
        self._joining = joining
        self._records = records
        self._events = events
        self.links = Links(records)
        self._lock = threading.RLock()

    # --- a container's life ----------------------------------------------------------------------

    def attach(self, record: Record) -> tuple[Endpoint, ...]:
        """Before each start: leases for each endpoint. The endpoints with what was found, to be
        kept in the record. Raises NotFound, Invalid, Forbidden, EngineError; then it has none."""
        self.links.check(record)
        shared = sharing.owner(record, self._records())
        record.network = self._joining.at_start(record, shared)
        with self._lock:
            found, leases = [], dict[str, Lease]()
            for endpoint in record.endpoints:
                network = self._network_of(endpoint)
                allowing.check(endpoint, network)
                leases[network.name] = self._lease(record, endpoint, network)
                found.append(_settled(record, endpoint, network))
            try:
                self._keep(record, leases)
                _write_names(record, shared)
            except OSError:
                self._keep(record, {})
                raise
            self._refresh(leases.values())
        self._tell("connect", record, leases)
        return tuple(found)

    def join(self, record: Record) -> tuple[str, ...]:
        """After ``attach``: the namespaces that it is to join. EngineError where they are not
        there."""
        if shared := sharing.owner(record, self._records()):
            return self._joining.share(shared)
        leases = [lease for lease in record.leases.values() if lease.is_own]
        found = [attachment(self.networks.find(lease.network), lease) for lease in leases]
        return self._joining.enter(record, found)

    def release(self, record: Record) -> Mapping[str, Lease]:
        """At its end: it has no address any more. What it had, for ``left``. Idempotent."""
        self._joining.leave(record)
        with self._lock:
            had = dict(record.leases)
            self._give_back(record, {})
            self._refresh(had.values())
        return had

    def left(self, record: Record, had: Mapping[str, Lease]) -> None:
        """Events of what ``release`` gave back."""
        self._tell("disconnect", record, had)

    def adopt(self, record: Record) -> None:
        """What an engine before this one left of it."""
        with self._lock:
            had = _read(record) if record.is_running else {}
            known = {endpoint.name for endpoint in record.endpoints}
            self._give_back(record, {name: it for name, it in had.items() if name in known})
        for name, lease in had.items():
            if name not in known and lease.is_own:
                self._cut(record, lease)

    def refresh(self, record: Record) -> None:
        """Who may know it is told how it is called now, and it how others are."""
        with self._lock:
            self._refresh(record.leases.values(), record)

    def refresh_all(self) -> None:
        """After all were adopted: an engine that was killed may not have come to it."""
        with self._lock:
            self._rewrite(lambda owner: owner.is_running)

    # --- while it lives --------------------------------------------------------------------------

    def connect(self, record: Record, network: Network, asked: Endpoint) -> None:
        """Raises Invalid, Forbidden, NotFound, EngineError, OSError."""
        with record.lock:
            if record.is_going:
                raise NotFound(f"No such container: {record.id}")
            sharing.check_joining(record, network)
            others = [it for it in record.endpoints if it.name != network.name]
            if not record.is_running:
                record.change(endpoints=(*others, _aliased(record, asked, network)))
                return
            if network.name in record.leases:
                raise Forbidden(
                    f"endpoint with name {record.name} already exists in network {network.name}"
                )
            allowing.check(asked, network)
            with self._lock:
                self.networks.find(network.id)  # it may have been removed, and now cannot be
                lease = self._lease(record, asked, network)
                self._keep(record, {**record.leases, network.name: lease})
            try:
                if lease.is_own:
                    self._joining.connect(record, attachment(network, lease))
                with self._lock:
                    record.change(endpoints=(*others, _settled(record, asked, network)))
                    self._refresh(record.leases.values(), record)
            except BaseException:
                self._take(record, network.name)
                if lease.is_own:
                    self._cut(record, lease)
                raise
        self._tell("connect", record, {network.name: lease})

    def disconnect(self, record: Record, network: Network) -> None:
        """Raises EngineError where it is not in that network, Invalid for the host's."""
        with record.lock:
            has = [it for it in record.endpoints if it.name == network.name]
            if not has:
                the = "" if record.is_running else "the "
                raise EngineError(
                    f"container {record.id} is not connected to {the}network {network.name}"
                )
            if network.name == HOST and record.is_running:
                raise Invalid(sharing.NOT_WITH_HOST)
            others = [it for it in record.endpoints if it.name != network.name]
            with self._lock:
                record.change(endpoints=tuple(others))
                lease = self._take(record, network.name) or Lease(network.id, "")
            if lease.is_own:
                self._cut(record, lease)
        self._tell("disconnect", record, {network.name: lease})

    def _cut(self, record: Record, lease: Lease) -> None:
        """Its cable, which a keeper that was killed has not any more."""
        try:
            self._joining.disconnect(record, lease.network)
        except EngineError as error:
            logger.warning("container %s: %s", record.id, error)

    def _take(self, record: Record, name: str) -> Lease | None:
        with self._lock:
            leases = dict(record.leases)
            lease = leases.pop(name, None)
            self._give_back(record, leases)
            self._refresh([*leases.values(), *([lease] if lease else [])], record)
        return lease

    # --- who is where ----------------------------------------------------------------------------

    def members(self, network: Network) -> list[Member]:
        """Those that run, the oldest first."""
        return _by_network(self._records()).get(network.id, [])

    def check_unused(self, network: Network) -> None:
        """Raises Forbidden, in dockerd's words."""
        if self.members(network):
            raise Forbidden(
                f"error while removing network: network {network.name} id {network.id} has active "
                "endpoints"
            )

    def remove(self, network: Network) -> None:
        """Raises Forbidden for one that is used or predefined."""
        with self._lock:
            if not network.is_predefined:
                self.check_unused(network)
            self.networks.remove(network)
        self._joining.remove(network.id)
        self._events.publish("network", "destroy", network.id, _attributes(network))

    def created(self, network: Network) -> None:
        """An event."""
        self._events.publish("network", "create", network.id, _attributes(network))

    def _tell(self, action: str, record: Record, leases: Mapping[str, Lease]) -> None:
        for name, lease in leases.items():
            kind = self._kind(lease.network)
            told = {"container": record.id, "name": name, "type": kind}
            self._events.publish("network", action, lease.network, told)

    def _kind(self, network: str) -> str:
        with suppress(NotFound, Invalid):
            return self.networks.find(network).driver
        return "bridge"

    # --- leases ----------------------------------------------------------------------------------

    def is_reachable(self, record: Record) -> bool:
        """From outside, by published ports: not where all its networks are internal."""
        given = [self._network_of(endpoint) for endpoint in record.endpoints]
        return not given or not all(network.is_internal for network in given)

    def _network_of(self, endpoint: Endpoint) -> Network:
        """By its id where it is known, so that another one of that name is not taken for it."""
        is_own = endpoint.name not in PREDEFINED
        return self.networks.find((is_own and endpoint.network) or endpoint.name)

    def _lease(self, record: Record, endpoint: Endpoint, network: Network) -> Lease:
        """Raises Invalid, Forbidden, EngineError."""
        made = Lease(network.id, secrets.token_hex(32))
        if not network.pool:
            return made
        address = self._address(endpoint, network)
        asked_mac = endpoint.mac or str(record.config.get("MacAddress") or "")
        mac = allowing.checked_mac(asked_mac) if asked_mac else addresses.mac(address)
        if record.network != "own":
            return replace(made, address=LOCAL)
        own = f"{addresses.text(address)}/{network.pool.length}"
        return replace(made, address=own, gateway=network.gateway, mac=mac)

    def _address(self, endpoint: Endpoint, network: Network) -> int:
        taken = {
            addresses.number(member.lease.host)
            for member in self.members(network)
            if member.lease.is_own
        }
        if asked := endpoint.address:
            return allowing.asked_address(asked, network, taken)
        free = network.first_free(taken)
        if free is None:
            raise EngineError(
                "no available IPv4 addresses on this network's address pools: "
                f"{network.name} ({network.id})"
            )
        return free

    def _keep(self, record: Record, leases: Mapping[str, Lease]) -> None:
        """For the engine after a kill of this one, and in memory; OSError, and nothing has
        changed."""
        path = record.directory / FILE
        if leases:
            plain = {name: it.to_dict() for name, it in leases.items()}
            folder.write(str(path), plain, lasting=False)
        else:
            path.unlink(missing_ok=True)
        record.leases = dict(leases)

    def _give_back(self, record: Record, left: Mapping[str, Lease]) -> None:
        """All but what is ``left``, also where that cannot be kept: ``adopt`` finds out."""
        try:
            self._keep(record, left)
        except OSError as error:
            logger.warning("addresses of container %s cannot be kept: %s", record.id, error)
            record.leases = dict(left)

    def _refresh(self, leases: Iterable[Lease], changed: Record | None = None) -> None:
        """The hosts of all that are in the networks of these leases, and of what has ``changed``
        itself."""
        wanted = {lease.network for lease in leases}
        self._rewrite(
            lambda owner: (
                owner is changed or any(lease.network in wanted for lease in _telling(owner))
            )
        )

    def _rewrite(self, is_meant: Callable[[Record], bool]) -> None:
        """The hosts of those that are meant, and of who has the network of one."""
        every = self._records()
        members = _by_network(every)
        for record in every:
            owner = sharing.running_owner(record, every) or record
            if is_meant(owner):
                lines = names.merged(self._known(owner, members))
                hosts.rewrite(record.directory / "etc" / "hosts", lines)

    def _known(
        self, record: Record, members: Mapping[str, Sequence[Member]]
    ) -> Iterator[names.Line]:
        for name, lease in record.leases.items():
            if name == BRIDGE:
                yield from self.links.lines(record)
            if name not in PREDEFINED:
                others = members[lease.network]
                own = next(it for it in others if it.container == record.id)
                yield from names.known_to(own, others)


def _by_network(records: Iterable[Record]) -> dict[str, list[Member]]:
    """All that run, by their networks' ids, the oldest first."""
    found: dict[str, list[Member]] = {}
    for record in sorted(records, key=lambda it: it.created):
        for endpoint, lease in _places(record):
            member = Member(record.id, record.name, endpoint, lease)
            found.setdefault(lease.network, []).append(member)
    return found


def _write_names(record: Record, shared: Record | None) -> None:
    """Anew for each start, as dockerd does; those of the container whose network it shares."""
    if shared:
        sharing.copy_names(shared, record)
        return
    config = record.config
    names_asked = [str(line) for line in record.host_config.get("ExtraHosts") or ()]
    own = [it.host for it in record.leases.values() if it.is_own] or (etc.OWN,)
    hostname, domainname = str(config["Hostname"]), str(config.get("Domainname") or "")
    host = routes.address() if record.network == "own" else "127.0.0.1"
    machines = etc.machines_names() if HOST in record.leases and not names_asked else ""
    texts = {
        "hostname": f"{hostname}\n",
        "hosts": etc.hosts(hostname, domainname, names_asked, own, host, machines),
        "resolv.conf": etc.resolver(creation.of_record(record), etc.of_machine()),
    }
    etc.write(record.directory / "etc", texts)


def _places(record: Record) -> Iterator[tuple[Endpoint, Lease]]:
    """All that it has, also what it is just being given, or what is being taken from it."""
    asked = {endpoint.name: endpoint for endpoint in record.endpoints}
    for name, lease in record.leases.items():
        yield asked.get(name) or Endpoint(name), lease


def _telling(record: Record) -> Iterator[Lease]:
    """In networks of which its /etc/hosts tells."""
    for name, lease in record.leases.items():
        if name not in PREDEFINED or (name == BRIDGE and record.links):
            yield lease


def _attributes(network: Network) -> dict[str, str]:
    return {"name": network.name, "type": network.driver}


def _aliased(record: Record, endpoint: Endpoint, network: Network) -> Endpoint:
    """With the short id among its aliases, as in every user's network."""
    if network.is_predefined:
        return replace(endpoint, name=network.name)
    own = dict.fromkeys((*(endpoint.aliases or ()), record.id[:12]))
    return replace(endpoint, name=network.name, aliases=tuple(own))


def _settled(record: Record, endpoint: Endpoint, network: Network) -> Endpoint:
    return replace(_aliased(record, endpoint, network), network=network.id)


def _read(record: Record) -> dict[str, Lease]:
    """Nothing where it cannot be read: the next start gives new ones."""
    try:
        plain = json.loads((record.directory / FILE).read_text(encoding="utf-8"))
        leases = {str(name): Lease.of(it) for name, it in plain.items()}
        if wrong := [it for it in leases.values() if it.host and not addresses.is_address(it.host)]:
            raise ValueError(f"{wrong[0].address} is no address")
        return leases
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("addresses of container %s cannot be read: %s", record.id, error)
        return {}
