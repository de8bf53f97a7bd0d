"""What the engine keeps of one container, in memory and in its file on the disk.

    containers/ID/state.json    this record; written, fsynced and renamed before an answer
                                says that it is so

Knows: the record. Does not know: processes, HTTP; the engine moves it along TRANSITIONS.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ipycontainers.errors import Conflict
from ipycontainers.lifecycle import TRANSITIONS, State
from ipycontainers.oci.names import sync_folder

from . import etc
from .container import Mount, Network
from .health import Health
from .network.binding import Binding
from .network.endpoint import Endpoint, Lease
from .supervise.log import LOG

logger = logging.getLogger(__name__)

FILE = "state.json"
UNNAMED = "unnamed-"  # of files that are not written to their end
_PASSING = ("claimed", "is_kept", "takes", "waited", "health", "leases")  # of no record on the disk
REMEMBERED = 300.0  # seconds after its end that an exec can be asked for, as with dockerd
KILLED = 137  # 128 + SIGKILL, of what nobody saw the end of


@dataclass(frozen=True)
class MountPoint:
    """A ``Mount`` and what of it is only for showing and for removal."""

    mount: Mount
    name: str = ""  # of a volume
    mode: str = ""
    anonymous: bool = False

    @classmethod
    def of(cls, plain: dict[str, Any]) -> MountPoint:
        return cls(**{**plain, "mount": Mount(**plain["mount"])})


@dataclass
class Record:
    """Only the engine changes it, under ``lock``."""

    id: str
    name: str
    image: str  # the image's id
    config: dict[str, Any]  # Docker's Config, completed
    host_config: dict[str, Any]
    mounts: tuple[MountPoint, ...]
    created: float
    directory: Path
    status: State = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    refusal: str = ""  # why it will not start, as dockerd finds out no earlier
    started: float = 0
    finished: float = 0
    restarts: int = 0  # by its policy, since somebody started it
    manually_stopped: bool = False
    ports: tuple[Binding, ...] = ()  # that are open for it, while it runs
    network: Network = "host"  # what it has, whatever was asked for
    cgroup: str = ""  # its control group's folder, while it runs
    oom_killed: bool = False
    of_build: bool = False  # a step of a build, with whose end it goes
    leaves: tuple[str, ...] = ()  # volumes that go with it, of one that is "removing"
    endpoints: tuple[Endpoint, ...] = ()  # the networks that it is in, or is to be in
    links: tuple[tuple[str, str], ...] = ()  # ids of others, and what it calls them
    leases: dict[str, Lease] = field(default_factory=dict, repr=False)
    """What it has in them while it runs, by their names."""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    writing: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """Held while its files are written to from here, and while it begins to run."""
    execs: dict[str, Exec] = field(default_factory=dict, repr=False)
    claimed: bool = False  # somebody is removing it, and may still be ending it
    is_kept: bool = False  # somebody still needs it, so it is not to remove itself
    takes: Path | None = None  # what becomes its root, of one that is made
    waited: float = 0  # seconds, before the latest restart
    health: Health | None = None

    @property
    def is_running(self) -> bool:
        """It has processes, paused or not."""
        return self.status in ("running", "paused")

    @property
    def is_paused(self) -> bool:
        return self.status == "paused"

    @property
    def is_restarting(self) -> bool:
        return self.status == "restarting"

    @property
    def is_up(self) -> bool:
        """What dockerd calls running: between two runs too."""
        return self.is_running or self.is_restarting

    @property
    def is_going(self) -> bool:
        return self.status == "removing"

    @property
    def goes_by_itself(self) -> bool:
        """When it has ended, and nobody keeps it."""
        return self.of_build or bool(self.host_config.get("AutoRemove"))

    @property
    def tty(self) -> bool:
        return bool(self.config.get("Tty"))

    @property
    def keeps_log(self) -> bool:
        return str(self.host_config["LogConfig"]["Type"]) != "none"

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.config.get("Labels") or {})

    @property
    def anonymous(self) -> tuple[str, ...]:
        """Its volumes that have no name of their own."""
        return tuple(point.name for point in self.mounts if point.anonymous)

    @property
    def attributes(self) -> dict[str, str]:
        """What events tell of it."""
        return {**self.labels, "image": self.config["Image"], "name": self.name}

    @property
    def socket(self) -> Path:
        """Where its supervisor listens, while there is one."""
        return self.directory / "control.sock"

    def move(self, status: State, **changes: object) -> None:
        """To ``status``, on the disk too. As ``change``; Conflict where no such way leads."""
        self._allow(status)
        self.change(status=status, **changes)

    def _allow(self, status: State) -> None:
        if status not in TRANSITIONS[self.status]:
            raise Conflict(f"Container {self.id} is {self.status} and cannot become {status}")

    def change(self, **changes: object) -> None:
        """Sets fields and writes the record. Raises OSError, and then nothing has changed."""
        before = {name: getattr(self, name) for name in changes}
        self._set(changes)
        try:
            self.save()
        except OSError:
            self._set(before)
            raise

    def learn(self, status: State, **changes: object) -> None:
        """As ``move``, of what has happened, so it is so even where it cannot be written: the
        next engine asks the supervisor, or reads what it left."""
        self._allow(status)
        self.note(status=status, **changes)

    def note(self, **changes: object) -> None:
        """As ``change``, of what is so even where it cannot be written."""
        self._set(changes)
        try:
            self.save()
        except OSError as error:
            logger.warning("%s of container %s cannot be kept: %s", changes, self.id, error)

    def _set(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            setattr(self, name, value)

    def describe(self) -> dict[str, Any]:
        """Plain data, which ``shapes`` turns into Docker's JSON."""
        live = [key for key, exec_ in list(self.execs.items()) if exec_.exit_code is None]
        log = str(self.directory / LOG) if self.keeps_log else ""
        health = asdict(self.health) if self.health else None
        made = {name: str(self.directory / "etc" / name) for name in etc.NAMES}
        leases = {name: lease.to_dict() for name, lease in list(self.leases.items())}
        more = {"execs": live, "log": log, "health": health, "etc": made, "leases": leases}
        return {**self._plain(), **more}

    def _plain(self) -> dict[str, Any]:
        left_out = ("lock", "writing", "execs", "directory", "mounts", "endpoints", *_PASSING)
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain = {name: value for name, value in plain.items() if name not in left_out}
        mounts = [asdict(mount) for mount in self.mounts]
        ends = [endpoint.to_dict() for endpoint in self.endpoints]
        return {**plain, "mounts": mounts, "endpoints": ends}

    def save(self) -> None:
        write(self.directory / FILE, json.dumps(self._plain()).encode())

    def go(self, leaves: tuple[str, ...] = ()) -> None:
        """To "removing", with these volumes: what is left belongs to nobody from now on."""
        self._allow("removing")
        self._set({"status": "removing", "leaves": leaves})
        if leaves:
            with contextlib.suppress(OSError):  # a full disk, on which removal shall make room
                self.save()
                return
        (self.directory / FILE).unlink(missing_ok=True)
        sync_folder(self.directory)

    @classmethod
    def load(cls, directory: Path) -> Record:
        """What a newer engine has added is left out, what an earlier one was writing removed.

        Raises OSError, ValueError, KeyError, TypeError, AttributeError where there is no record
        that can be read; FileNotFoundError where none was ever whole, or all of it goes.
        """
        for half in directory.glob(f"*.json.{UNNAMED}*"):
            half.unlink()
        for place in directory.glob(".*"):  # what was mounted there went with its engine
            with contextlib.suppress(OSError):
                place.rmdir()
        plain = json.loads((directory / FILE).read_text(encoding="utf-8"))
        mounts = tuple(MountPoint.of(mount) for mount in plain.pop("mounts"))
        leaves = tuple(plain.pop("leaves", ()))
        mode = plain["host_config"].get("NetworkMode")
        plain.setdefault("network", "none" if mode == "none" else "host")
        ends = _endpoints(plain.pop("endpoints", None), plain["host_config"])
        ports = tuple(Binding(*port) for port in plain.pop("ports", ()))
        links = tuple((str(other), str(alias)) for other, alias in plain.pop("links", ()))
        known = {name: plain[name] for name in plain if name in cls.__dataclass_fields__}
        more: dict[str, Any] = {"mounts": mounts, "leaves": leaves, "ports": ports}
        more |= {"endpoints": ends, "links": links}
        made = cls(**known, **more, directory=directory)
        made.health = Health.load(directory)
        if made.status not in TRANSITIONS or made.id != directory.name:
            raise ValueError(f"{directory / FILE} is of {made.id}, which is {made.status}")
        return made


def _endpoints(plain: Any, host: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    """Of a record that an engine without networks of users wrote: its mode's."""
    if plain is None:
        mode = str(host.get("NetworkMode") or "default")
        return (Endpoint("bridge" if mode == "default" else mode),)
    return tuple(map(Endpoint.of, plain))


@dataclass
class Exec:
    """A further program in a running container; forgotten with it."""

    id: str
    container: Record
    command: list[str]
    asked: dict[str, Any]  # the body of POST /containers/ID/exec
    detach_keys: bytes
    pid: int = 0
    exit_code: int | None = None
    started: bool = False
    ended: float = 0

    @property
    def is_forgotten(self) -> bool:
        """It ended long ago, and who wanted to know how has asked."""
        return bool(self.ended) and time.time() - self.ended > REMEMBERED

    def describe(self) -> dict[str, Any]:
        asked = self.asked
        return {
            "id": self.id,
            "container": self.container.id,
            "command": self.command,
            "running": self.started and self.exit_code is None,
            "exit_code": self.exit_code,
            "pid": self.pid,
            "tty": bool(asked.get("Tty")),
            "privileged": bool(asked.get("Privileged")),
            "user": str(asked.get("User") or ""),
            "keys": self.detach_keys if asked.get("DetachKeys") else b"",
            "stdin": bool(asked.get("AttachStdin")),
            "stdout": bool(asked.get("AttachStdout")),
            "stderr": bool(asked.get("AttachStderr")),
        }


def write(path: Path, data: bytes, *, named: bool = True) -> None:
    """All of it or nothing, and on the disk when this returns.

    Not ``named``: after a crash of the machine the path may have its old content, or none,
    until something else in its folder is synced.
    """
    unique = f"{UNNAMED}{os.getpid()}-{threading.get_ident()}-{time.monotonic_ns()}"
    temporary = path.with_name(f"{path.name}.{unique}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:  # a full disk, of which a half file would take room
        temporary.unlink(missing_ok=True)
        raise
    if named:
        sync_folder(path.parent)
