"""Named and anonymous volumes: folders, and what was said of each when it was made.

    DIR/volumes/NAME/_data          what is mounted; with the options of a bind, a link to it
    DIR/volumes/NAME/volume.json    its labels and options; absent where none were given
    DIR/volumes/NAME/filling        there while what an image has at its place is copied into it
    DIR/volumes/.HEX                one that is being made or removed; swept away at every start

A volume lives from its first mention, by a request or a container, until it is removed. It is
made and removed by one rename, so it is there whole or not at all.

Knows: folders, dockerd's words about volumes. Does not know: what mounts them, HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipycontainers.errors import Conflict, Invalid, NotFound, Unsupported
from ipycontainers.oci.names import sync_folder

from . import clearing, rootfs, syscalls
from .container import Bundle
from .events import Events
from .record import write

DRIVER = "local"
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
OPTIONS = {"type", "o", "device", "size"}  # of Docker's driver local
_DATA, _SAID, _FILLING = "_data", "volume.json", "filling"


@dataclass(frozen=True)
class Volume:
    name: str
    folder: Path
    created: float
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None

    @property
    def data(self) -> Path:
        return self.folder / _DATA


def check_name(name: str) -> str:
    """Raises Invalid, in dockerd's words."""
    if len(name) == 1:
        raise Invalid(
            f"create {name}: volume name is too short, names should be at least two alphanumeric "
            "characters"
        )
    if not NAME.fullmatch(name):
        raise Invalid(
            f'create {name}: "{name}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. '
            "If you intended to pass a host directory, use absolute path"
        )
    return name


def check_driver(name: str, driver: str) -> None:
    """Raises NotFound for any but ours."""
    if driver not in ("", DRIVER):
        raise NotFound(
            f"create {name}: error looking up volume plugin {driver}: plugin {json.dumps(driver)} "
            "not found"
        )


def _nobody(name: str) -> tuple[str, ...]:  # noqa: ARG001
    return ()


class Volumes:
    """All of an engine. Safe to use from several threads."""

    def __init__(self, folder: Path, events: Events) -> None:
        self._folder, self._events = folder, events
        self._lock = threading.Lock()

    def all(self) -> list[Volume]:
        """By name."""
        found = (_read(path) for path in sorted(self._folder.iterdir()))
        return [volume for volume in found if volume]

    def find(self, name: str) -> Volume:
        """Raises NotFound."""
        found = _read(self._folder / name) if NAME.fullmatch(name) else None
        if not found:
            raise NotFound(f"get {name}: no such volume")
        return found

    def create(
        self,
        name: str = "",
        *,
        driver: str = "",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """The volume of that name; one that is there already stays as it is, as with dockerd.

        Raises Invalid, NotFound (driver), Unsupported (options that need a mount by root).
        """
        name = check_name(name) if name else secrets.token_hex(32)
        check_driver(name, driver)
        device = _device(name, options or {})
        with self._lock:
            folder = self._folder / name
            if (folder / _DATA).exists():
                return self.find(name)
            said = {"labels": labels, "options": options} if labels or options else None
            self._make(folder, said, device)
        self._events.publish("volume", "create", name, {"driver": DRIVER})
        return self.find(name)

    def _make(self, folder: Path, said: Mapping[str, object] | None, device: str) -> None:
        new = self._aside()
        try:
            new.mkdir()
            if said:
                write(new / _SAID, json.dumps(said).encode())
            if device:
                (new / _DATA).symlink_to(device)
            else:
                (new / _DATA).mkdir()
            sync_folder(new)
            new.rename(folder)
        except OSError:
            clearing.remove(new)
            raise
        sync_folder(self._folder)

    def _aside(self) -> Path:
        return self._folder / f".{secrets.token_hex(8)}"

    def fill(self, name: str, bundle: Bundle, target: str) -> None:
        """What the image has at ``target``, wholly, into a volume that is empty."""
        data = self._folder / name / _DATA
        if any(data.iterdir()):
            return
        mark = data.with_name(_FILLING)
        mark.touch()
        sync_folder(mark.parent)
        try:
            if rootfs.fill(bundle, data, target):
                syscalls.sync(self._folder)
        except BaseException:
            _empty(data)
            raise
        finally:
            mark.unlink(missing_ok=True)

    def sweep(self, used: Collection[str]) -> None:
        """What an engine left that was killed; ``used`` are those that containers have."""
        for path in self._folder.iterdir():
            if path.name[0] == ".":
                clearing.remove(path)
            elif (path / _FILLING).exists():
                if path.name not in used:  # else another's files are among the copies
                    _empty(path / _DATA)
                (path / _FILLING).unlink()

    def size(self, volume: Volume) -> int:
        """Bytes of its files. A folder of the host's is not the volume's own: 0."""
        if volume.data.is_symlink():
            return 0
        found = (Path(folder, name) for folder, _, names in os.walk(volume.data) for name in names)
        return sum(_bytes(path) for path in found)

    def remove(self, volume: Volume, users: Callable[[str], Collection[str]] = _nobody) -> None:
        """With all that is in it, but for a folder of the host's that it stood for. Idempotent.

        Raises Conflict where ``users`` knows containers of that name; none begins to use it
        between the question and the removal, if it is known before it asks for the volume.
        """
        gone = self._aside()
        with self._lock, contextlib.suppress(FileNotFoundError):
            if found := users(volume.name):
                raise Conflict(f"remove {volume.name}: volume is in use - [{', '.join(found)}]")
            volume.folder.rename(gone)
            sync_folder(self._folder)
        clearing.remove(gone)
        self._events.publish("volume", "destroy", volume.name, {"driver": DRIVER})


def _empty(data: Path) -> None:
    """A folder of the host's that a volume stands for is not the engine's to empty."""
    if not data.is_symlink():
        clearing.remove(data)
        data.mkdir()


def _bytes(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _device(name: str, options: Mapping[str, str]) -> str:
    """The folder of the host that the options name; "" without options."""
    for option in options:
        if option not in OPTIONS:
            raise Invalid(f"create {name}: invalid option: {json.dumps(option)}")
    if not options:
        return ""
    flags, device = options.get("o", "").split(","), options.get("device", "")
    if not {"bind", "rbind"} & set(flags) or not device.startswith("/"):
        raise Unsupported(
            f"create {name}: this engine mounts no {options.get('type', 'file')} system, since "
            "only root can: use --tmpfs, or the options type=none, o=bind, device=/a/folder"
        )
    if not Path(device).is_dir():
        raise Invalid(f"create {name}: there is no folder {device} to bind")
    return device


def _read(folder: Path) -> Volume | None:
    """None for what is no volume, or not yet or no longer a whole one."""
    if folder.name[0] == ".":
        return None
    try:
        created = (folder / _DATA).lstat().st_ctime
    except OSError:
        return None
    try:
        said = json.loads((folder / _SAID).read_text(encoding="utf-8"))
    except FileNotFoundError:
        said = {}
    except (OSError, ValueError):
        return Volume(folder.name, folder, created)
    return Volume(folder.name, folder, created, said.get("labels"), said.get("options"))
