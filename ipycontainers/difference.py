"""What a cell changed: an engine's list, less what the engine did itself. Pure.

Knows: paths, the Docker API's kinds of change. Does not know: engines, how to show it.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = {0: "C", 1: "A", 2: "D"}  # changed, added, deleted, as docker diff prints them
# An engine mounts these in every container, and Podman says that /etc was changed for it.
EVERYWHERE = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")


def changes(
    listed: Iterable[Mapping[str, Any]], targets: Iterable[str]
) -> tuple[tuple[str, str], ...]:
    """(kind, path) of what the cell changed, ordered by path.

    ``listed`` is the answer of ``GET /containers/ID/changes``; ``targets`` are the
    places where something is mounted. An engine makes them and the folders on the
    way there, so they are left out, unless something else changed beneath such a folder.
    """
    targets = [posixpath.normpath(target) for target in (*EVERYWHERE, *targets)]
    found = {str(change["Path"]): KINDS.get(change["Kind"], "?") for change in listed}
    own = {path for path in found if not any(_is_within(path, target) for target in targets)}
    made = {path for path in own if any(_is_within(target, path) for target in targets)}
    certain = own - made
    kept = certain | {path for path in made if any(_is_within(other, path) for other in certain)}
    return tuple((found[path], path) for path in sorted(kept))


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def mount_targets(config: Mapping[str, Any]) -> list[str]:
    """The places in a container where the body of ``POST /containers/create`` mounts something."""
    host = config.get("HostConfig", {})
    binds = [bind.split(":") for bind in host.get("Binds") or ()]
    return [
        *(
            next(part for part in bind[1:] if part.startswith("/"))
            for bind in binds
            if len(bind) > 1
        ),
        *(str(mount["Target"]) for mount in host.get("Mounts") or ()),
        *(host.get("Tmpfs") or ()),
        *(config.get("Volumes") or ()),
    ]
