"""The verbs of containers: create, remove, prune, rename …, as functions that return.

    DIR/lock                  flock'd by the one engine of this user and directory
    DIR/oci/                  an OCI image layout
    DIR/layers/ DIR/roots/    unpacked layers, see ``rootfs``
    DIR/containers/ID/        see ``record``, ``folders``, ``rootfs`` and ``supervise``
    DIR/volumes/              see ``volumes``
    DIR/networks/             see ``network.networks``
    DIR/tmp/                  bodies of requests; emptied at every start

A container's processes belong to its supervisor, so they outlive this one; ``adopt`` finds
them again. From its start to its end a container is ``running``'s.

Knows: records, the layout, rootfs. Does not know: HTTP, asyncio, a launcher's flags. Safe
to use from several threads.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from ipycontainers.errors import Conflict, ContainerError, Invalid, NotFound
from ipycontainers.oci.image import Image
from ipycontainers.oci.layout import Layout

from . import (
    cgroup,
    changes,
    clearing,
    creation,
    files,
    limits,
    mounts,
    shapes,
    supervise,
    unpacked,
    validity,
)
from .book import Book
from .events import Events
from .execs import Execs
from .folders import Folders
from .groups import Groups
from .launch import Launcher
from .network import asking, links, ports, sharing
from .network.connections import Connections
from .network.joining import Joining
from .network.keeping import Keeper
from .network.networks import Networks
from .network.publishing import Publisher
from .record import MountPoint, Record
from .registry.transfers import Transfers
from .running import Running
from .unpacking import Unpacking
from .usage import Sizes
from .volumes import Volumes

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Engine:
    """One data directory's."""

    def __init__(
        self,
        data: Path,
        layout: Layout,
        launcher: Launcher,
        nursery: supervise.Nursery,
        tree: cgroup.Tree | None = None,
    ) -> None:
        """``tree`` is where control groups may be made."""
        self.data = data
        self.layout = layout
        self.launcher = launcher
        self.sizes = Sizes(data, layout)
        self.events = Events()
        self.execs = Execs(self.events)
        self.unpacking = Unpacking()
        self.transfers = Transfers()
        self.volumes = Volumes(data / "volumes", self.events)
        self.folders = Folders(data, layout, launcher, self.volumes)
        self.groups = Groups(tree, launcher)
        self.joining = Joining(Keeper(data, nursery), launcher)
        self._book = Book()
        self.builds: list[Callable[[], set[str]]] = []
        """Each tells the ids of the images that it goes on from, which have no names yet."""
        self.networks = Networks(data / "networks")
        self.connections = Connections(self.networks, self.joining, self.containers, self.events)
        publisher = Publisher(self.containers, self.connections.is_reachable)
        parts = (self.folders, self.groups, self.connections, publisher, nursery, self.events)
        self.running = Running(*parts, self._remove_itself)
        self.unreadable: dict[Path, str] = {}
        """Folders of containers that were complete once and cannot be read, and why."""
        # Threads of their own: all others may be waiting for an end.
        self.for_ends = ThreadPoolExecutor(4, "ends")

    # --- finding ---------------------------------------------------------------------------

    def adopt(self) -> list[Record]:
        """Reads every record on the disk; those that seem to run come back, to be watched.

        What has no whole record was never told to anybody, and is removed. What has one that
        cannot be read stays as it is, and is told of.
        """
        for directory in sorted((self.data / "containers").iterdir()):
            self._load(directory)
        used = {point.name for record in self.containers() for point in record.mounts}
        self.volumes.sweep(used)
        running = [record for record in self.containers() if self.running.adopt(record)]
        self.connections.refresh_all()
        self.groups.sweep(running)
        self.joining.adopt(running)
        try:
            self.layout.gc()
            self.tidy()
        except (ContainerError, OSError, ValueError) as error:  # of an image that is damaged
            logger.warning("cannot tidy up: %s", error)
        self.running.start_due()
        return running

    def _load(self, directory: Path) -> None:
        try:
            record = Record.load(directory)
        except FileNotFoundError:
            _remove(clearing.remove, directory)
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.unreadable[directory] = f"{type(error).__name__}: {error}"
            logger.warning("container %s cannot be read: %s", directory.name, error)
            return
        if record.is_going:
            _remove(self.folders.remove, record)
        else:
            self._book.put(record)

    def containers(self) -> list[Record]:
        """The newest first."""
        return self._book.newest_first()

    def find(self, name: str) -> Record:
        """By id, name, or the beginning of an id. Raises NotFound."""
        return self._book.find(name)

    def image_of(self, name: str) -> Image:
        return self.layout.resolve(name)

    def is_busy(self) -> bool:
        return any(record.is_up for record in self.containers())

    # --- from nothing and to nothing -------------------------------------------------------

    def create(
        self,
        body: Mapping[str, Any],
        name: str,
        *,
        of_build: bool = False,
        takes: Path | None = None,
    ) -> tuple[Record, list[str]]:
        """The record, on the disk, and what of the request will not be so. One ``of_build`` is
        kept while this engine lives; the root that it ``takes`` is not copied.

        Raises NotFound (image), Conflict (name), Invalid, Unsupported.
        """
        record, told = self._asked(body, name)
        record.of_build = record.is_kept = of_build
        record.takes = takes
        with record.lock:  # who finds it meanwhile, to remove it, waits until it is whole
            self._book.add(record)
            try:
                self.folders.make(record)
            except BaseException:
                self._forget(record)
                raise
        self.events.publish("container", "create", record.id, record.attributes)
        return record, told

    def _asked(self, body: Mapping[str, Any], name: str) -> tuple[Record, list[str]]:
        """As ``create``, of which nothing is there yet."""
        validity.check(body, body.get("HostConfig") or {})
        image = self.image_of(str(body.get("Image") or ""))
        container_id = secrets.token_hex(32)
        host = creation.host_config(body.get("HostConfig") or {})
        config = shapes.config(body, image.config.container, creation.hostname(container_id, host))
        config["Image"] = str(body.get("Image"))
        creation.refuse(host)
        endpoints = asking.endpoints(body, host, self.networks.find)
        if shared := sharing.named(host, self.find):
            config |= sharing.names_of(shared.config)
        record = Record(
            container_id,
            creation.check_name(name) if name else "",
            str(image.id),
            config,
            host,
            mounts.of(config, host, self.data / "volumes", self._mounts_of),
            time.time(),
            self.data / "containers" / container_id,
            endpoints=endpoints,
            links=links.asked(host, self.find),
        )
        record.network, lack = self.joining.choose(record, shared)
        creation.of_record(record)  # whether it can be
        return record, [*self._warnings(body, record), *([lack] if lack else [])]

    def _warnings(self, body: Mapping[str, Any], record: Record) -> Iterator[str]:
        host, has_own, launcher = record.host_config, record.network == "own", self.launcher
        ports.wanted(record.config, host)  # whether they can be published
        controllers = self.groups.controllers
        yield from creation.warnings(body, host, launcher.isolates, launcher.name, controllers)
        yield from ports.warnings(record.config, host, shares_host=not has_own)
        yield from asking.warnings(body, has_own=has_own)

    def describe(self, *records: Record) -> list[dict[str, Any]]:
        """What ``shapes`` shows of each."""
        links = self.connections.links
        called = links.names()
        return [
            {**it.describe(), "linked": links.shown(it), "called": called.get(it.id, [])}
            for it in records
        ]

    def _mounts_of(self, name: str) -> tuple[MountPoint, ...]:
        try:
            return self.find(name).mounts
        except NotFound as error:
            raise Invalid(error.message) from error

    def _forget(self, record: Record) -> None:
        self._book.forget(record)
        self.execs.forget(record)

    def tidy(self) -> None:
        """Removes unpacked layers and roots that nobody needs any more."""
        with self.unpacking.tidying() as alone, self._book.lock:
            if self.unreadable or not alone:
                return  # nobody can tell which layers they need, or an image that comes
            try:
                records = list(self._book.records())
                bundles = [files.bundle_now(record) for record in records]
            except OSError:
                return  # one is being made, from layers that nobody names yet
            used = [record.image for record in records]
            aside = unpacked.sweep(self.data, self.layout, bundles, used)
        for path in aside:
            clearing.remove(path)

    def remove(self, record: Record, *, force: bool, volumes: bool) -> None:
        """Raises Conflict for one that runs, unless ``force``, and for one that is going."""
        with record.lock:
            if record.is_up and not force:
                raise Conflict(_not_removed(record))
            if record.claimed:
                raise Conflict(f"removal of container {record.id} is already in progress")
            record.claimed = True
        try:
            self.running.end_for_removal(record, record.anonymous if volumes else ())
        except BaseException:
            record.claimed = False
            raise
        self.folders.remove(record)
        self._forget(record)
        self.events.publish("container", "destroy", record.id, record.attributes)

    def _remove_itself(self, record: Record) -> None:
        with contextlib.suppress(Conflict, NotFound):
            self.remove(record, force=False, volumes=True)

    def prune(self, record: Record) -> bool:
        """Whether it was removed: it may have been started meanwhile."""
        with contextlib.suppress(Conflict):
            self.remove(record, force=False, volumes=False)
            return True
        return False

    # --- what it has, and is called --------------------------------------------------------

    def changes(self, record: Record) -> dict[str, int]:
        """What differs from the image, by path."""
        made = files.bundle(record)
        own = [point.mount.target for point in record.mounts]
        if made.root is None:
            return changes.of_layers(record.directory / "upper", made.layers, own)
        return changes.of_copy(made.root, unpacked.image_root(self.data, record.image), own)

    def update(self, record: Record, given: Mapping[str, Any]) -> list[str]:
        """Limits and the restart policy, as far as they are named; what of it will not be so.

        Raises Invalid, and Conflict for a policy of what is to go by itself.
        """
        asked = {key: value for key, value in given.items() if value and key in shapes.HOST_CONFIG}
        if given.get("PidsLimit") is not None:
            asked["PidsLimit"] = max(int(given["PidsLimit"]), 0)
        again = asked.get("RestartPolicy") or {}
        if again.get("Name") and record.host_config.get("AutoRemove"):
            raise Conflict(
                "Restart policy cannot be updated because AutoRemove is enabled for the container"
            )
        if not again.get("Name"):
            asked.pop("RestartPolicy", None)
        validity.check({}, {"Memory": record.host_config["Memory"], **asked})
        with record.lock:
            if record.is_going:
                raise NotFound(f"No such container: {record.id}")
            if reason := limits.conflict(record.host_config, asked):
                raise Conflict(f"Cannot update container {record.id}: {reason}")
            host = {**record.host_config, **asked}
            self.groups.update(record, host)
            record.change(host_config=host)
        self.running.publish(record, "update")
        return list(limits.warnings(asked, self.groups.controllers))

    def rename(self, record: Record, name: str) -> None:
        """Raises Conflict, Invalid."""
        old = self._book.rename(record, name)
        self.connections.refresh(record)
        told = {**record.attributes, "oldName": f"/{old}"}
        self.events.publish("container", "rename", record.id, told)


def _not_removed(record: Record) -> str:
    first = "Unpause and then stop" if record.is_paused else "Stop"
    return (
        f"You cannot remove a {record.status} container {record.id}. "
        f"{first} the container before attempting removal or force remove"
    )


def _remove(how: Callable[[T], object], what: T) -> None:
    """What is left of a container."""
    try:
        how(what)
    except OSError as error:
        logger.warning("cannot remove what is left of a container: %s", error)
