"""How the engine speaks to the keeper of its networks, and has it started.

Each call is one request on the keeper's socket; a keeper that is not there is started with the
first one that needs it. What it holds is known by ids only: of containers, of networks.

Knows: the keeper's requests. Does not know: records, addresses' choice. Safe to use from several
threads.
"""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ipycontainers.engine import supervise
from ipycontainers.errors import EngineError, LaunchError

logger = logging.getLogger(__name__)

_ANSWERING = 30.0  # seconds; a request takes milliseconds, fifty at once a hundred times that
_AGAIN_AFTER = 60.0  # seconds until what was refused is tried again
_HINT = "use --network host or none"


@dataclass(frozen=True)
class Attachment:
    """A container's place in a network, by its id. ``bridge`` is the name of an interface, at
    most 15 characters; ``address`` is ``172.18.0.2/16`` and ``gateway`` the bridge's, without a
    length. Nothing leads out of a network that is ``internal``, and no container to another one
    where both are ``apart``."""

    network: str
    bridge: str
    address: str
    gateway: str
    mac: str
    internal: bool = False
    apart: bool = False


@dataclass(frozen=True)
class Namespace:
    """Paths to open, both before the first is joined, and to join by setns(2), ``user`` before
    ``net``; good while the container runs."""

    user: str
    net: str


class Keeper:
    """The one of the data directory ``data``; ``nursery`` forks it when it is needed."""

    def __init__(self, data: Path, nursery: supervise.Nursery) -> None:
        self._folder = data / "network"
        self._nursery = nursery
        self._lock = threading.Lock()
        self._line: socket.socket | None = None  # open as long as this engine is there
        self._refused = ""
        self._no_way = ""
        self._asked: float | None = None

    def available(self, *, outgoing: bool = True) -> str | None:
        """Why containers cannot have networks of their own here, or None; with ``outgoing``
        also why nothing would lead out of them. Measured once, and what was refused again
        after a minute."""
        with self._lock:
            self._find_out()
            return self._refused or (self._no_way if outgoing else "") or None

    def lack(self) -> str:
        """The same, or "", for who only asks: what was started for that alone leaves again."""
        with self._lock:
            was_there = self._line is not None
            self._find_out()
            if not was_there:
                self._let_go()
            return self._refused or self._no_way

    def _find_out(self) -> None:
        lacks = self._refused or self._no_way
        if self._asked is None or (lacks and time.monotonic() - self._asked > _AGAIN_AFTER):
            self._measure()

    def _measure(self) -> None:
        self._asked = time.monotonic()
        try:
            self._serve()
            if self._no_way:
                self._lead_out()
        except (EngineError, LaunchError, OSError, ValueError) as error:  # it ended unheard
            self._refused = str(error)

    def attach(self, container: str, attachments: Sequence[Attachment]) -> Namespace:
        """Namespaces for one that is about to start, with these networks and its loopback up;
        what it had before goes. EngineError where that cannot be."""
        told = self._ask(
            {"do": "attach", "id": container, "attachments": [asdict(it) for it in attachments]}
        )
        if told["lost"]:
            with self._lock:
                self._lead_again()
        return Namespace(told["user"], told["net"])

    def connect(self, container: str, attachment: Attachment) -> None:
        """One that runs, to one more network. EngineError."""
        self._ask({"do": "connect", "id": container, "attachment": asdict(attachment)})

    def disconnect(self, container: str, network: str) -> None:
        """One that runs, from a network. EngineError for a container that has none."""
        self._ask({"do": "disconnect", "id": container, "network": network})

    def namespace(self, container: str) -> Namespace | None:
        """Of one that runs; None where it has none, or the keeper that had it was killed."""
        told = self._tell({"do": "namespace", "id": container})
        return Namespace(told["user"], told["net"]) if told.get("user") else None

    def release(self, container: str) -> None:
        """It has ended. Idempotent."""
        self._tell({"do": "release", "id": container})

    def remove(self, network: str) -> None:
        """No container has it any more. Idempotent."""
        self._tell({"do": "remove", "network": network})

    def held(self) -> list[str]:
        """The containers whose networks it has."""
        return list(self._tell({"do": "state"}).get("containers", ()))

    def adopt(self, running: Collection[str]) -> None:
        """What an engine before this one left, but for containers that have ended since."""
        if not (self._folder / supervise.SOCKET).exists():
            return
        try:
            with self._lock:
                kept = self._connect()
        except (LaunchError, OSError, ValueError):
            return
        for container in kept:
            if container not in running:
                self.release(container)

    # --- its process -----------------------------------------------------------------------

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a keeper, which is started if there is none. EngineError."""
        answer = self._try(request)
        if answer is None:  # it was leaving just then, or was killed
            answer = self._try(request) or {"error": "the keeper of networks has ended"}
        if "error" in answer:
            raise EngineError(f"the container's network cannot be made: {answer['error']}", _HINT)
        return answer

    def _try(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            with self._lock:
                self._serve()
            return supervise.ask(self._folder, request, _ANSWERING)
        except LaunchError as error:
            return {"error": error.message}
        except (OSError, ValueError):
            self._leave()
            return None

    def _lead_again(self) -> None:
        """Unless another start has done so since. With the lock held."""
        if self._tell({"do": "state"}).get("no_way"):
            self._lead_out()

    def _lead_out(self) -> None:
        """Again, where that has ended, as of a slirp4netns that was killed, or could not begin
        before. With the lock held."""
        try:
            pid = self._nursery.spawn_way(self._folder, self._tell({"do": "state"})["pid"])
            self._no_way = self._tell({"do": "lead", "pid": pid})["no_way"]
        except (LaunchError, LookupError, OSError) as error:
            logger.warning("nothing leads out of containers' networks: %s", error)

    def _tell(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of a keeper if there is one, else an empty one."""
        try:
            return supervise.ask(self._folder, request, _ANSWERING)
        except (OSError, ValueError):
            return {}

    def _serve(self) -> None:
        """There is a keeper, which knows that this engine is there. With the lock held."""
        if self._line is not None and not _has_ended(self._line):
            return
        try:
            self._connect()
        except (OSError, ValueError):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._nursery.spawn_keeper(self._folder)
            self._connect()
        self._refused = ""
        if self._no_way:
            logger.warning("nothing leads out of containers' networks: %s", self._no_way)

    def _connect(self) -> list[str]:
        """The containers that it holds."""
        line = supervise.connect(self._folder)
        try:
            line.settimeout(_ANSWERING)
            line.sendall(b'{"do": "serve"}\n')
            with line.makefile("rb") as answers:
                told = json.loads(answers.readline())
            line.setblocking(False)
            if "error" in told:
                raise LaunchError(f"the keeper of networks does not answer: {told['error']}")
        except BaseException:
            line.close()
            raise
        if self._line:
            self._line.close()
        self._line, self._no_way = line, told["no_way"]
        return list(told["containers"])

    def _leave(self) -> None:
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        """With the lock held."""
        if self._line:
            self._line.close()
        self._line = None

    def close(self) -> None:
        """This engine leaves; a keeper that no container needs goes too."""
        self._leave()


def _has_ended(line: socket.socket) -> bool:
    try:
        return line.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
