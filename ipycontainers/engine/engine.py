"""The verbs: create, start, kill, remove, exec … of containers, as functions that return.

    DIR/lock                  flock'd by the one engine of this user and directory
    DIR/oci/                  an OCI image layout
    DIR/layers/ DIR/roots/    unpacked layers, see ``rootfs``
    DIR/containers/ID/        see ``record``, ``rootfs`` and ``supervise``
    DIR/volumes/NAME/_data    named and anonymous volumes
    DIR/tmp/                  bodies of requests; emptied at every start

A container's processes belong to its supervisor, so they outlive this one; ``adopt`` finds
them again.

Knows: records, the layout, rootfs, supervisors. Does not know: HTTP, asyncio, a launcher's
flags. Safe to use from several threads.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainers.errors import Conflict, ContainerError, EngineError, Invalid, NotFound
from ipycontainers.oci.image import Image
from ipycontainers.oci.layout import Layout

from . import changes, creation, files, rootfs, shapes, supervise, validity, wire
from .container import Bundle, Spec
from .events import Events
from .execs import Execs
from .launch import Launcher, to_start
from .record import KILLED, Record, write

logger = logging.getLogger(__name__)

STOPPING = 20.0  # seconds that a killed container may take to end
NO_PROGRAM = "OCI runtime create failed: unable to start container process: "


class Engine:
    """``on_start`` is called with every record that has begun to run, in any thread."""

    def __init__(
        self, data: Path, layout: Layout, launcher: Launcher, nursery: supervise.Nursery
    ) -> None:
        self.data = data
        self.layout = layout
        self.launcher = launcher
        self.nursery = nursery
        self.events = Events()
        self.on_start: Callable[[Record], object] = _ignore
        self._records: dict[str, Record] = {}
        self.execs = Execs(self.events)
        self._lock = threading.Lock()
        self._ended = threading.Condition()
        # Threads of their own: all others may be waiting for an end.
        self.for_ends = ThreadPoolExecutor(4, "ends")

    # --- finding ---------------------------------------------------------------------------

    def adopt(self) -> list[Record]:
        """Reads every record on the disk; those that seem to run come back, to be watched.

        What has no whole record was never told to anybody, and is removed.
        """
        running = []
        for directory in sorted((self.data / "containers").iterdir()):
            record = _loaded(directory)
            if record is None:
                continue
            self._records[record.id] = record
            if record.is_running:
                running.append(record)
        try:
            self.layout.gc()
            self.tidy()
        except (ContainerError, OSError) as error:  # a broken image is told of when it is used
            logger.warning("cannot tidy up: %s", error)
        return running

    def containers(self) -> list[Record]:
        """The newest first."""
        with self._lock:
            found = list(self._records.values())
        return sorted(found, key=lambda record: -record.created)

    def find(self, name: str) -> Record:
        """By id, name, or the beginning of an id. Raises NotFound."""
        with self._lock:
            if name in self._records:
                return self._records[name]
            plain = name.removeprefix("/")
            for record in self._records.values():
                if record.name == plain:
                    return record
            starting = [key for key in self._records if plain and key.startswith(plain)]
            if len(starting) == 1:
                return self._records[starting[0]]
        raise NotFound(f"No such container: {name}")

    def image_of(self, name: str) -> Image:
        return self.layout.resolve(name)

    def is_busy(self) -> bool:
        return any(record.is_running for record in self.containers())

    # --- the life of a container -----------------------------------------------------------

    def create(self, body: Mapping[str, Any], name: str) -> tuple[Record, list[str]]:
        """The record, on the disk, and what of the request will not be so.

        Raises NotFound (image), Conflict (name), Invalid, Unsupported.
        """
        validity.check(body, body.get("HostConfig") or {})
        image = self.image_of(str(body.get("Image") or ""))
        container_id = secrets.token_hex(32)
        config = shapes.config(body, image.config.container, container_id[:12])
        config["Image"] = str(body.get("Image"))
        host = creation.host_config(body.get("HostConfig") or {})
        mounts = creation.mounts(config, host, self.data / "volumes")
        creation.spec(container_id, config, host, mounts)  # whether it can be
        launcher = self.launcher
        told = creation.warnings(body, host, launcher.isolates, launcher.name)
        record = Record(
            container_id,
            creation.check_name(name) if name else "",
            str(image.id),
            config,
            host,
            mounts,
            time.time(),
            self.data / "containers" / container_id,
        )
        with record.lock:  # who finds it meanwhile, to remove it, waits until it is whole
            self._make(record)
        self.events.publish("container", "create", record.id, record.attributes)
        return record, list(told)

    def _make(self, record: Record) -> None:
        self._add(record)
        try:
            record.directory.mkdir(mode=0o700)
            self._make_volumes(record)
            self._prepare(record)
            record.save()
        except BaseException:
            self._forget(record)
            rootfs.remove(record.directory)
            raise

    def _add(self, record: Record) -> None:
        with self._lock:
            owners = {other.name: other.id for other in self._records.values()}
            if record.name in owners:
                raise Conflict(_taken(record.name, owners[record.name]))
            record.name = record.name or creation.new_name(owners.__contains__)
            self._records[record.id] = record

    def _forget(self, record: Record) -> None:
        with self._lock:
            self._records.pop(record.id, None)
        self.execs.forget(record)

    def _make_volumes(self, record: Record) -> None:
        for point in record.mounts:
            if point.mount.type != "tmpfs":
                made = Path(point.mount.source)
                if not made.exists():
                    made.mkdir(parents=True)

    def _prepare(self, record: Record) -> None:
        spec = creation.spec(record.id, record.config, record.host_config, record.mounts)
        try:
            bundle = self._bundle(record, spec)
        except Invalid as error:
            if not spec.user:
                raise
            # A user that the image does not know: dockerd says so at the start.
            record.refusal = error.message
            rootfs.remove(record.directory)
            record.directory.mkdir(mode=0o700)
            bundle = self._bundle(record, replace(spec, user=""))
        for point in record.mounts:
            if point.mount.type == "volume" and "nocopy" not in point.mode.split(","):
                rootfs.fill(bundle, Path(point.mount.source), point.mount.target)
        self._write_run(record, bundle)

    def tidy(self) -> None:
        """Removes unpacked layers and roots that nobody needs any more."""
        with self._lock:
            try:
                bundles = [files.bundle(record) for record in self._records.values()]
            except OSError:
                return  # one is being made, from layers that nobody names yet
            aside = rootfs.sweep(self.data, self.layout, bundles)
        for path in aside:
            rootfs.remove(path)

    def _bundle(self, record: Record, spec: Spec) -> Bundle:
        image = self.layout.resolve(record.image)
        return rootfs.prepare(
            self.layout, image, self.data, record.directory, self.launcher, record.id, spec
        )

    def supervise(self, record: Record) -> None:
        """There is a supervisor when this returns; also before the start, for an attach."""
        with record.lock:
            if record.is_going:
                raise NotFound(f"No such container: {record.id}")
            try:
                supervise.connect(record.directory).close()
            except OSError:
                self.nursery.spawn(record.directory)

    def start(self, record: Record) -> bool:
        """False: it ran already. Raises EngineError, whose exit code is 126 or 127 where the
        program is the reason."""
        with record.lock:
            if record.is_running:
                return False
            if record.refusal:
                raise EngineError(record.refusal)
            self.supervise(record)
            with record.writing:
                self._settle(record)
                answer = self.tell(record, {"do": "start"})
            if "error" in answer:
                raise self._not_started(record, answer)
            record.move(
                "running", pid=answer["pid"], started=time.time(), exit_code=0, error="", finished=0
            )
        self.events.publish("container", "start", record.id, record.attributes)
        self.on_start(record)
        return True

    def _settle(self, record: Record) -> None:
        bundle = files.bundle(record)
        if bundle.root or any((record.directory / "upper").iterdir()):
            settled = rootfs.settle(bundle)
            if settled != bundle:
                self._write_run(record, settled)
                supervise.give_orders(record.directory)

    def _write_run(self, record: Record, bundle: Bundle) -> None:
        text = json.dumps(to_start(self.launcher, bundle)).encode()
        write(record.directory / "run.json", text, named=False)  # the record's write names both

    def tell(self, record: Record, request: Mapping[str, Any]) -> dict[str, Any]:
        """The supervisor's answer, which is ``{"error": …}`` where there is none."""
        try:
            return supervise.ask(record.directory, request)
        except (OSError, ValueError) as error:
            return {"error": f"its supervisor is gone: {error}"}

    def _not_started(self, record: Record, answer: Mapping[str, Any]) -> EngineError:
        code = answer.get("code") or 128
        message = NO_PROGRAM + str(answer["error"]) if code in (126, 127) else str(answer["error"])
        record.change(exit_code=code, error=message)
        return EngineError(message, exit_code=code)

    def kill(self, record: Record, signal: str) -> None:
        """Signals the container's first process. Raises Conflict where none runs."""
        number = wire.signal_number(signal)
        with record.lock:
            if not record.is_running:
                raise Conflict(
                    f"Cannot kill container: {record.id}: Container {record.id} is not running"
                )
            self.tell(record, {"do": "kill", "signal": number})
        told = {**record.attributes, "signal": str(number)}
        self.events.publish("container", "kill", record.id, told)

    def ended(self, record: Record) -> None:
        """Called when the supervisor said so, or is gone. Idempotent."""
        with record.lock:
            if not record.is_running:
                return
            code, error, finished = _read_exit(record.directory)
            record.move("exited", exit_code=code, error=error, finished=finished, pid=0)
        told = {**record.attributes, "exitCode": str(code)}
        self.events.publish("container", "die", record.id, told)
        with self._ended:
            self._ended.notify_all()
        if record.host_config.get("AutoRemove"):
            with contextlib.suppress(Conflict, NotFound):
                self.remove(record, force=False, volumes=True)

    def remove(self, record: Record, *, force: bool, volumes: bool) -> None:
        """Raises Conflict for one that runs, unless ``force``, and for one that is going."""
        with record.lock:
            if record.is_running and not force:
                raise Conflict(
                    f"You cannot remove a running container {record.id}. "
                    "Stop the container before attempting removal or force remove"
                )
            if record.claimed:
                raise Conflict(f"removal of container {record.id} is already in progress")
            record.claimed = True
        try:
            self._end_for_removal(record)
        except BaseException:
            record.claimed = False
            raise
        rootfs.remove(record.directory)
        if volumes:
            self._remove_volumes(record)
        self._forget(record)
        self.events.publish("container", "destroy", record.id, record.attributes)
        with self._ended:
            self._ended.notify_all()

    def _end_for_removal(self, record: Record) -> None:
        if record.is_running:
            with contextlib.suppress(Conflict):
                self.kill(record, "KILL")
            with self._ended:
                self._ended.wait_for(lambda: not record.is_running, STOPPING)
        with record.lock:
            if record.is_running:
                raise EngineError(f"container {record.id} does not end")
            record.go()

    def _remove_volumes(self, record: Record) -> None:
        for point in record.mounts:
            if point.anonymous:
                shutil.rmtree(self.data / "volumes" / point.name, ignore_errors=True)

    def prune(self, labels: list[str]) -> list[str]:
        """Removes what does not run; the ids."""
        gone = []
        for record in self.containers():
            if not record.is_running and wire.has_labels(record.labels, labels):
                with contextlib.suppress(Conflict):
                    self.remove(record, force=False, volumes=False)
                    gone.append(record.id)
        return gone

    def changes(self, record: Record) -> dict[str, int]:
        """What differs from the image, by path."""
        made = files.bundle(record)
        own = [point.mount.target for point in record.mounts]
        if made.root is None:
            return changes.of_layers(record.directory / "upper", made.layers, own)
        return changes.of_copy(made.root, rootfs.image_root(self.data, record.image), own)

    def rename(self, record: Record, name: str) -> None:
        """Raises Conflict, Invalid."""
        name = creation.check_name(name)
        with record.lock, self._lock:
            owners = {other.name: other.id for other in self._records.values()}
            if name in owners:
                raise Conflict(f"Error when allocating new name: {_taken(name, owners[name])}")
            record.change(name=name)


def _ignore(_: Record) -> None:
    """Nobody waits for starts."""


def _taken(name: str, owner: str) -> str:
    return (
        f'Conflict. The container name "/{name}" is already in use by container "{owner}". '
        "You have to remove (or rename) that container to be able to reuse that name."
    )


def _loaded(directory: Path) -> Record | None:
    """The record there; None for what is left of a container, which is removed."""
    try:
        record = Record.load(directory)
        if not record.is_going:
            return record
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        rootfs.remove(directory)
    except OSError as error:
        logger.warning("cannot remove %s: %s", directory, error)
    return None


def _read_exit(directory: Path) -> tuple[int, str, float]:
    """Code, error and time of the end; 137 and now where the supervisor was killed."""
    try:
        told = json.loads((directory / "exit.json").read_text(encoding="utf-8"))
        return int(told["code"]), str(told.get("error") or ""), float(told["finished"])
    except (OSError, ValueError, KeyError, TypeError):
        return KILLED, "its supervisor was killed", time.time()
