"""A file or folder as a tar with one top entry.

In the kernel only ``leave`` is used of this: what a container sends is unpacked by
``exchange.folders``, which expects the worst.

Knows: tar. Does not know: names of variables.
"""

import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Optional, Tuple

from .tree import Refused

FOLDER = "/.ipycontainers/values"
IN_MEMORY = 1 << 24  # bytes of a tar above which it is a file


def leave(path: Any, name: str = "") -> Tuple[str, Any]:
    """The name of the top entry, the path's own unless given, and the tar.

    Raises Refused for a path to nothing.
    """
    name = name or entry_name(path)
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
        write(path, name, spooled)
        size = spooled.tell()
        spooled.seek(0)
        data = bytearray(size)
        spooled.readinto(data) if hasattr(spooled, "readinto") else _fill(spooled, data)
    return name, data


def _fill(file: Any, data: bytearray) -> None:
    view, start = memoryview(data), 0
    while start < len(data):
        piece = file.read(1 << 20)
        view[start : start + len(piece)] = piece
        start += len(piece)


def entry_name(path: Any) -> str:
    if not isinstance(path, Path):
        raise Refused(f"a {type(path).__name__} is no file, only a name; a pathlib.Path may be one")
    whole = path if path.name not in ("", "..") else path.resolve()
    return whole.name or "root"


def write(path: Path, name: str, target: Any) -> None:
    """Write the tar of what is at ``path``. Raises Refused for a path to nothing."""
    try:
        real = path.resolve()
        if not (real.is_file() or real.is_dir()):
            raise Refused(f"{path} is no file and no folder")
        with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as tar:
            tar.add(str(real), name, filter=_usual)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from error


def _usual(entry: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    """Files, folders and links, whoever they belong to."""
    if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def arrive(name: str, data: Any, folder: str) -> Path:
    """Unpack what the kernel sent; what an earlier cell left under the name goes."""
    if not name or "/" in name or name in (".", ".."):
        raise ValueError(f"{name!r:.50} is no name of a file")
    place = _writable(folder)
    target = place / name
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(str(target))
    elif target.exists() or target.is_symlink():
        target.unlink()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(str(place), filter="data")
        else:
            tar.extractall(str(place))
    return target


def _writable(folder: str) -> Path:
    try:
        os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return Path(folder)
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="ipycontainers-"))
