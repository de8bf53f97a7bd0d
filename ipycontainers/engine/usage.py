"""How much room images, containers and volumes take, measured: bytes of files, as docker counts,
of a symbolic link those of its target.

    sizes.json    {DIFF ID: bytes of the layer's files}, measured once from the layer's headers

Knows: layers' tars, folders. Does not know: Docker's JSON.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import stat
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ipycontainers.errors import ContainerError
from ipycontainers.oci import Image, Layer, Layout
from ipycontainers.oci.heads import heads

from .record import write

logger = logging.getLogger(__name__)
_FILE = "sizes.json"


class Sizes:
    """Of the layers of a layout; safe to use from several threads."""

    def __init__(self, data: Path, layout: Layout) -> None:
        self._path, self._layout = data / _FILE, layout
        self._lock = threading.Lock()
        self._known: dict[str, int] | None = None

    def of(self, image: Image) -> list[int]:
        """Of each layer, the oldest first; 0 for what cannot be read."""
        with self._lock:
            if self._known is None:
                self._known = _load(self._path)
            unknown = {layer.diff_id: layer for layer in image.layers}
            unknown = {key: one for key, one in unknown.items() if str(key) not in self._known}
            for layer in unknown.values():
                with contextlib.suppress(ContainerError):
                    self._known[str(layer.diff_id)] = self._measured(layer)
            if unknown:
                with contextlib.suppress(OSError):  # a full disk; it is measured again
                    write(self._path, json.dumps(self._known).encode())
            return [self._known.get(str(layer.diff_id), 0) for layer in image.layers]

    def _measured(self, layer: Layer) -> int:
        with self._layout.open_layer(layer) as stream:
            return sum(_weight(entry) for entry, _ in heads(stream, "the layer"))


def _weight(entry: tarfile.TarInfo) -> int:
    if entry.issym():
        return len(os.fsencode(entry.linkname))
    return entry.size if entry.isreg() else 0


def _load(path: Path) -> dict[str, int]:
    try:
        plain = json.loads(path.read_bytes())
        return {str(key): int(value) for key, value in plain.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        logger.warning("measuring layers again: %s: %s", path, error)
        return {}


def chains(image: Image) -> list[str]:
    """What docker calls each layer together with those below it (its chain id), oldest first.

    https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
    """
    found: list[str] = []
    for layer in image.layers:
        diff_id = str(layer.diff_id)
        both = f"{found[-1]} {diff_id}" if found else ""
        found.append(f"sha256:{hashlib.sha256(both.encode()).hexdigest()}" if both else diff_id)
    return found


def shared(images: Sequence[Image], sizes: Sizes) -> tuple[dict[str, int], int]:
    """By an image's id the bytes of its layers that others have too; and those of all layers."""
    users = Counter(chain for image in images for chain in set(chains(image)))
    found, every = {}, dict[str, int]()
    for image in images:
        pairs = dict(zip(chains(image), sizes.of(image), strict=True))
        every |= pairs
        found[str(image.id)] = sum(size for chain, size in pairs.items() if users[chain] > 1)
    return found, sum(every.values())


def of_folder(folder: Path) -> int:
    """The bytes of all files below, each once; what cannot be looked into counts nothing."""
    seen: set[tuple[int, int]] = set()
    return sum(_of(found, seen) for found in _walk(folder))


def _walk(folder: Path) -> Iterator[os.stat_result]:
    waiting = [str(folder)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as found:
            for entry in found:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        yield entry.stat(follow_symlinks=False)


def _of(found: os.stat_result, seen: set[tuple[int, int]]) -> int:
    key = (found.st_dev, found.st_ino)
    if stat.S_ISDIR(found.st_mode) or (found.st_nlink > 1 and key in seen):
        return 0
    seen.add(key)
    return found.st_size


def of_paths(root: Path, paths: Sequence[str]) -> int:
    """The bytes of those files below ``root`` that are among ``paths``."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for path in paths:
        with contextlib.suppress(OSError):
            total += _of(os.lstat(f"{root}{path}"), seen)
    return total
