"""A container's control group, from its start to its end; none where none is delegated.

Knows: records, which limits a container was given. Does not know: the files of a group
(``cgroup`` does), processes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ipycontainers.errors import EngineError

from . import cgroup, files, limits
from .launch import Launcher
from .record import Record

logger = logging.getLogger(__name__)


class Groups:
    """Of one engine. ``tree`` is where its groups are."""

    def __init__(self, tree: cgroup.Tree | None, launcher: Launcher) -> None:
        self._tree = tree
        self._launcher = launcher

    @property
    def controllers(self) -> frozenset[str]:
        """Those of cgroup v2 that see to limits."""
        return self._tree.controllers if self._tree else frozenset()

    def make(self, record: Record) -> str:
        """The folder of a new one with its limits; "" where there is none. Raises EngineError."""
        if not self._tree:
            return ""
        try:
            asked = limits.of(record.host_config)
            return str(self._tree.make(record.id, asked, self.own_processes(record)))
        except OSError as error:
            raise _refused(error) from error

    def found(self, record: Record) -> str:
        """The folder of one that an earlier engine made; "" where there is none."""
        place = self._tree.path / record.id if self._tree else None
        return str(place) if place and place.is_dir() else ""

    def update(self, record: Record, host: Mapping[str, Any]) -> None:
        """The limits of ``host``, a HostConfig, from now on, where it runs. Raises EngineError."""
        if not (self._tree and record.cgroup):
            return
        try:
            own = self.own_processes(record)
            self._tree.apply(Path(record.cgroup), limits.of(host), own)
        except OSError as error:
            raise _refused(error) from error

    def usage(self, record: Record) -> cgroup.Usage | None:
        """What it has used, but for the launcher's processes; None where nobody counts."""
        try:
            if not record.cgroup:
                return None
            found, own = cgroup.usage(Path(record.cgroup)), self.own_processes(record)
        except OSError:
            return None
        limit = max(found.pids_limit - own, 0)
        return replace(found, pids=max(found.pids - own, 0), pids_limit=limit)

    def own_processes(self, record: Record) -> int:
        """How many of a group's are the launcher's."""
        return self._launcher.own_processes(files.bundle(record))

    def end(self, folder: str) -> bool:
        """Removes the group; whether the kernel killed in it since its memory was full."""
        if not folder:
            return False
        killed = cgroup.kills(Path(folder)) > 0
        try:
            cgroup.remove(Path(folder))
        except OSError as error:
            logger.warning("cannot remove %s: %s", folder, error)
        return killed

    def close(self) -> None:
        """Nothing is to be made any more."""
        if self._tree:
            self._tree.close()

    def sweep(self, running: Iterable[Record]) -> None:
        """Of an engine that was killed: those of containers that do not run."""
        if self._tree:
            try:
                self._tree.sweep([record.id for record in running])
            except OSError as error:
                logger.warning("cannot remove old control groups: %s", error)


def _refused(error: OSError) -> EngineError:
    where = Path(str(error.filename or "")).name
    return EngineError(f"cannot set limits: {where}: {error.strerror}")
