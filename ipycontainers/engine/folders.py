"""The files of containers: made from an image and a record, ready for a supervisor.

    containers/ID/run.json    what is to run and how, see ``launch.orders``

Knows: rootfs, the layout, volumes, run.json. Does not know: processes, requests.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ipycontainers.errors import EngineError, IntegrityError, Invalid, NotFound
from ipycontainers.oci.layout import Layout
from ipycontainers.oci.names import sync_folder

from . import clearing, creation, files, rootfs, supervise, syscalls
from .container import Bundle, Spec
from .launch import Launcher, to_start
from .record import Record, write
from .volumes import Volumes


@dataclass(frozen=True)
class Folders:
    """``data`` is the engine's directory."""

    data: Path
    layout: Layout
    launcher: Launcher
    volumes: Volumes

    def make(self, record: Record) -> None:
        """The container's folder, whole and on the disk, or nothing."""
        try:
            self._begin(record)
            self._make_volumes(record)
            self._prepare(record)
            record.save()
            sync_folder(record.directory.parent)
        except BaseException:
            self.remove(replace(record, leaves=record.anonymous))
            raise

    def remove(self, record: Record) -> None:
        """All of it, the volumes that it leaves first. Idempotent."""
        for name in record.leaves:
            with contextlib.suppress(NotFound):
                self.volumes.remove(self.volumes.find(name))
        clearing.remove(record.directory)

    def settle(self, record: Record, linked: Iterable[str] = ()) -> None:
        """Before each start, for what was put into the root meanwhile, and for what ``linked``
        variables are now."""
        settled = bundle = files.bundle(record)
        if bundle.root or any((record.directory / "upper").iterdir()):
            settled = rootfs.settle(bundle)
        env = tuple(creation.environment(record.config, record.id, linked))
        spec = replace(settled.spec, env=env, network=record.network)
        settled = replace(settled, spec=spec)
        if settled != bundle:
            self._write_run(record, settled)
            supervise.give_orders(record.directory)

    def _begin(self, record: Record) -> None:
        record.directory.mkdir(mode=0o700)
        if record.anonymous:  # an engine after a crash shall know that nobody else has them
            replace(record, status="removing", leaves=record.anonymous).save()

    def _make_volumes(self, record: Record) -> None:
        asked = {mount.get("Target"): mount for mount in record.host_config.get("Mounts") or ()}
        for point in record.mounts:
            if point.mount.type == "volume":
                options = (asked.get(point.mount.target) or {}).get("VolumeOptions") or {}
                driver = options.get("DriverConfig") or {}
                self.volumes.create(
                    point.name,
                    driver=driver.get("Name") or "",
                    labels=options.get("Labels"),
                    options=driver.get("Options"),
                )
            elif point.mount.type == "bind" and not os.path.exists(point.mount.source):  # noqa: PTH110  # or raises
                _make_source(point.mount.source)

    def _prepare(self, record: Record) -> None:
        spec = creation.of_record(record)
        try:
            bundle = self._bundle(record, spec)
        except Invalid as error:
            if not spec.user:
                raise
            # A user that the image does not know: dockerd says so at the start.
            record.refusal = error.message
            clearing.remove(record.directory)
            self._begin(record)
            bundle = self._bundle(record, replace(spec, user=""))
        for point in record.mounts:
            if point.mount.type == "volume" and "nocopy" not in point.mode.split(","):
                self.volumes.fill(point.name, bundle, point.mount.target)
        # Else after a loss of power a record could have half a root.
        if bundle.root and not record.takes:
            syscalls.sync(record.directory)
        self._write_run(record, bundle)

    def _bundle(self, record: Record, spec: Spec) -> Bundle:
        image = self.layout.resolve(record.image)
        places = (self.layout, image, self.data, record.directory)
        try:
            return rootfs.prepare(*places, self.launcher, record.id, spec, record.takes)
        except IntegrityError as error:
            hint = "remove it, and pull or load it again"
            name = record.config["Image"]
            raise IntegrityError(f"the image {name} is damaged: {error.message}", hint) from error

    def _write_run(self, record: Record, bundle: Bundle) -> None:
        text = json.dumps(to_start(self.launcher, bundle)).encode()
        write(record.directory / "run.json", text, named=False)  # the record's write names both


def _make_source(path: str) -> None:
    """Of -v, as dockerd does; this process may not make it everywhere."""
    try:
        Path(path).mkdir(parents=True)
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise EngineError(
            f"error while creating mount source path '{path}': mkdir {path}: {reason}"
        ) from error
