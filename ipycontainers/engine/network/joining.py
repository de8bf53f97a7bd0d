"""Which network a container will have, and its namespaces from its start to its end.

Knows: records, the keeper. Does not know: which networks there are, processes, Docker's JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ipycontainers.engine import container, creation
from ipycontainers.engine.launch import Launcher
from ipycontainers.engine.record import Record
from ipycontainers.errors import EngineError, Unsupported

from .endpoint import Lease
from .keeping import Attachment, Keeper
from .network import BRIDGE, NONE, Network

SHARED = "it has the host's network, and shares the host's ports"


class Joining:
    """Of one engine."""

    def __init__(self, keeper: Keeper, launcher: Launcher) -> None:
        self._keeper = keeper
        self._launcher = launcher

    def choose(self, record: Record, shared: Record | None) -> tuple[container.Network, str]:
        """What one that is made will have, and a warning or "". ``shared`` is the container whose
        network it asks for.

        Where the launcher has no networks at all, that is in what it isolates, and is not said to
        each container that asked for nothing.
        """
        if shared:
            return shared.network, ""
        asked = creation.network(str(record.host_config["NetworkMode"]))
        if asked != "own":
            return asked, ""
        return self._own({endpoint.name for endpoint in record.endpoints} <= {BRIDGE})

    def _own(self, is_default: bool) -> tuple[container.Network, str]:
        if "net" not in self._launcher.isolates:
            lack = f"the launcher {self._launcher.name} has no networks"
            names = "each name in it is 127.0.0.1"
            return "host", "" if is_default else f"{lack}, so {SHARED}: {names}"
        refusal = self._keeper.available(outgoing=False)
        no_way = refusal or self._keeper.available()
        if refusal or (is_default and no_way):
            return "host", f"no network of its own for the container, so {SHARED}: {no_way}"
        return "own", f"nothing leads out of the container's network: {no_way}" if no_way else ""

    def at_start(self, record: Record, shared: Record | None) -> container.Network:
        """What it will have now: it may have come into a network since it was made, and
        ``shared``, whose network it is to have, may have another one than then."""
        if shared:
            return shared.network
        names = {endpoint.name for endpoint in record.endpoints}
        if record.network == "none" and names - {NONE}:
            return self._own(names <= {BRIDGE})[0]
        return record.network

    def share(self, owner: Record) -> tuple[str, ...]:
        """What one joins that has the network of one that runs. EngineError, Unsupported."""
        if owner.network == "none" and "network-none" in self._launcher.isolates:
            raise Unsupported(
                f"container {owner.name} has no network, and nobody can join that one: use "
                "--network none"
            )
        if owner.network != "own":
            return ()
        found = self._keeper.namespace(owner.id)
        if found is None:
            raise EngineError(
                f"the network of container {owner.name} is gone", "start it anew, then this one"
            )
        return found.user, found.net

    def enter(self, record: Record, attachments: Sequence[Attachment]) -> tuple[str, ...]:
        """What one that starts is to join, in this order. EngineError where that is not there."""
        if record.network != "own":
            return ()
        made = self._keeper.attach(record.id, attachments)
        return made.user, made.net

    def leave(self, record: Record) -> None:
        """It has ended, or could not begin. Idempotent."""
        if record.network == "own":
            self._keeper.release(record.id)

    def connect(self, record: Record, attachment: Attachment) -> None:
        """One that runs in a network of its own. EngineError."""
        self._keeper.connect(record.id, attachment)

    def disconnect(self, record: Record, network: str) -> None:
        """One that runs in a network of its own. EngineError."""
        self._keeper.disconnect(record.id, network)

    def remove(self, network: str) -> None:
        """Which no container has."""
        self._keeper.remove(network)

    def lack(self) -> str:
        """Why containers that ask for nothing have the host's network, where the launcher could
        give them their own, or ""."""
        has_own = "net" in self._launcher.isolates
        return self._keeper.lack() if has_own else ""

    def lost(self, running: Iterable[Record]) -> list[Record]:
        """Those whose keeper was killed: they go on without a network."""
        own = [record for record in running if record.network == "own"]
        held = self._keeper.held() if own else []
        return [record for record in own if record.id not in held]

    def adopt(self, running: Collection[Record]) -> None:
        """Those that an engine before this one started."""
        self._keeper.adopt([record.id for record in running])

    def close(self) -> None:
        """The engine leaves, the containers stay."""
        self._keeper.close()


def attachment(network: Network, lease: Lease) -> Attachment:
    """For the keeper."""
    own = lease.address, lease.gateway, lease.mac
    kinds = network.is_internal, network.keeps_apart
    return Attachment(network.id, network.interface, *own, *kinds)
