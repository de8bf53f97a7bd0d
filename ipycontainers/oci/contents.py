"""What is in an image: each step that made it, what the step changed, what of it is wasted.

    contents.data                        plain Python, which JSON can hold
    contents.rows()                      a row for each change, for a table
    contents.summary()                   a few lines
    contents.check(lowest_efficiency=0.95, highest_wasted_bytes=20_000_000)
    compare(contents, other)             two images: layers that both have, files that differ

Layers are oldest first, as ``docker history`` has them last first, steps that made no files among
them. Sizes are what ``docker history`` says: the bytes of a layer's files.

Knows: changes, an image's config. Does not know: archives, engines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from ipycontainers.errors import CheckFailed, Invalid

from . import changes
from .changes import Entry, Waste
from .image import Config
from .legible import visible
from .sizes import counted
from .sizes import size as shown_size
from .tree import Tree, state

LONGEST_LIST = 5  # files that a summary names
# What dockerd writes down of the container that made an image, such as its host name: containers of
# the image get none of it.
OF_ITS_CONTAINER = frozenset(
    {"AttachStderr", "AttachStdin", "AttachStdout", "Domainname", "Hostname", "Image"}
    | {"OpenStdin", "StdinOnce", "Tty"}
)


@dataclass(frozen=True)
class LayerContents:
    """One step. ``digest`` names the layer as it is stored, ``diff_id`` the tar in it; both are ""
    of a step that is ``empty``, which changed the configuration only. ``texts`` has the
    beginnings of files that are at hand, by path."""

    digest: str
    diff_id: str
    size: int
    created_by: str
    created: str = ""
    comment: str = ""
    empty: bool = False
    files: tuple[Entry, ...] = field(default=(), repr=False)
    texts: dict[str, bytes] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True)
class Contents:
    """``image`` is what it was asked for by, ``wasted`` has numbers of ``layers``, ``hashed`` is
    whether the entries have digests."""

    image: str
    id: str
    config: Config = field(repr=False)
    layers: tuple[LayerContents, ...] = field(repr=False)
    wasted: tuple[Waste, ...] = field(repr=False)
    hashed: bool = False

    @property
    def size(self) -> int:
        """The bytes of all files of all layers."""
        return sum(layer.size for layer in self.layers)

    @property
    def wasted_bytes(self) -> int:
        """How many of them no file of the image shows."""
        return sum(waste.size for waste in self.wasted)

    @property
    def efficiency(self) -> float:
        """The share of the others, from 0 to 1."""
        return changes.efficiency(self.size, self.wasted_bytes)

    @property
    def files(self) -> tuple[tuple[Entry, ...], ...]:
        """Of each layer."""
        return tuple(layer.files for layer in self.layers)

    def layer_tree(self, number: int) -> Tree:
        """What that layer changes, with the folders on the way."""
        return Tree.of_layer(self.files, number)

    def tree(self, number: int = -1) -> Tree:
        """All files with that layer on top; -1 is the last."""
        return Tree.up_to(self.files, number % len(self.layers) if self.layers else 0)

    @property
    def data(self) -> dict[str, Any]:
        """As JSON can hold it. Bytes of names that are no UTF-8 are written \\xe9."""
        return {
            "image": plain(self.image),
            "config": plain(self.config.container),
            "layers": [_layer_data(layer) for layer in self.layers],
            "wasted_bytes": self.wasted_bytes,
            "efficiency": self.efficiency,
        }

    def rows(self) -> Iterator[dict[str, Any]]:
        """Each file of each layer; ``layer`` is the number of its step, from 0."""
        for number, layer in enumerate(self.layers):
            made_by = plain(layer.created_by)
            for entry in layer.files:
                yield {
                    "layer": number,
                    "created_by": made_by,
                    **_file_data(entry),
                    "uid": entry.uid,
                    "gid": entry.gid,
                    "target": plain(entry.target),
                }

    def summary(self) -> str:
        """How much there is, and what is wasted most."""
        made = [layer for layer in self.layers if not layer.empty]
        empty = len(self.layers) - len(made)
        count = sum(len(layer.files) for layer in made)
        lines = [
            f"{visible(self.image)}: {shown_size(self.size)} in {counted(len(made), 'layer')}, "
            f"{counted(count, 'change')}"
            + (f", {counted(empty, 'step')} without files" if empty else ""),
            f"efficiency {self.efficiency:.1%}, {shown_size(self.wasted_bytes)} wasted",
        ]
        ranked = changes.by_path(self.wasted)
        lines += [f"  {_wasted_line(*row)}" for row in ranked[:LONGEST_LIST]]
        if len(ranked) > LONGEST_LIST:
            lines.append(f"  and {counted(len(ranked) - LONGEST_LIST, 'file')} more")
        return "\n".join(lines)

    def check(
        self,
        *,
        lowest_efficiency: float | None = None,
        highest_wasted_bytes: int | None = None,
    ) -> None:
        """For CI: CheckFailed where less is efficient or more is wasted. Both limits are allowed
        values. Invalid where none is given, or one that cannot be."""
        if lowest_efficiency is None and highest_wasted_bytes is None:
            raise Invalid(
                "there is nothing to check",
                "check(lowest_efficiency=0.95) or check(highest_wasted_bytes=20_000_000)",
            )
        if lowest_efficiency is not None and not 0 <= lowest_efficiency <= 1:
            raise Invalid(f"an efficiency is from 0 to 1, not {lowest_efficiency}")
        if highest_wasted_bytes is not None and highest_wasted_bytes < 0:
            raise Invalid(f"no less than 0 bytes are wasted, not {highest_wasted_bytes}")
        failed = []
        if lowest_efficiency is not None and self.efficiency < lowest_efficiency:
            failed.append(f"its efficiency is {self.efficiency:.4f}, below {lowest_efficiency}")
        if highest_wasted_bytes is not None and self.wasted_bytes > highest_wasted_bytes:
            failed.append(f"{self.wasted_bytes:,} bytes are wasted, over {highest_wasted_bytes:,}")
        if failed:
            most = [_wasted_line(*row) for row in changes.by_path(self.wasted)[:LONGEST_LIST]]
            raise CheckFailed(f"{visible(self.image)}: {'; '.join(failed)}", "; ".join(most))


@dataclass(frozen=True)
class Difference:
    """A path at which two images differ; None on the side that has nothing there."""

    path: str
    one: Entry | None
    other: Entry | None

    @property
    def change(self) -> str:
        """From the one to the other: added, changed, removed."""
        if self.one is None:
            return changes.ADDED
        return changes.REMOVED if self.other is None else changes.CHANGED


@dataclass(frozen=True)
class Comparison:
    """``shared`` layers of files are the same from the oldest on; ``files`` differ at the end, and
    of the configuration these settings, with both values, None where there is none. A setting is
    a key, or a key and a name: ``Cmd``, ``Env PATH``, ``Labels maker``, ``Volumes /data``."""

    shared: int
    files: tuple[Difference, ...]
    config: tuple[tuple[str, Any, Any], ...] = ()


def compare(one: Contents, other: Contents) -> Comparison:
    """By kind, mode, owner, target and content, where both images were read with digests; else by
    size, which takes files for the same that are not."""
    shared = shared_layers(
        *([one.diff_id for one in it.layers if not one.empty] for it in (one, other))
    )
    before, after = state(one.files), state(other.files)
    hashed = one.hashed and other.hashed
    found = [
        Difference(path, before.get(path), after.get(path))
        for path in before.keys() | after.keys()
        if _essence(before.get(path), hashed) != _essence(after.get(path), hashed)
    ]
    found.sort(key=lambda it: it.path.replace("/", "\0"))
    return Comparison(shared, tuple(found), _configured(one.config, other.config))


def shared_layers(one: Sequence[str], other: Sequence[str]) -> int:
    """How many are the same from the oldest on, by diff ids."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other))  # noqa: B905
    return sum(1 for _ in same)


def _configured(one: Config, other: Config) -> tuple[tuple[str, Any, Any], ...]:
    """What containers of two images get that is not the same; empty values are as none."""
    sides = [_settings(config) for config in (one, other)]
    keys = sorted(sides[0].keys() | sides[1].keys())
    pairs = ((key, sides[0].get(key), sides[1].get(key)) for key in keys)
    return tuple(row for row in pairs if row[1] != row[2])


def _settings(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {"Platform": str(config.platform)}
    for key, value in plain(config.container).items():
        if key in OF_ITS_CONTAINER:
            continue
        if isinstance(value, Mapping):
            found |= {f"{key} {name}": inner for name, inner in value.items()}
        elif key == "Env" and isinstance(value, list):
            pairs = (str(one).partition("=") for one in value)
            found |= {f"{key} {name}": text for name, _, text in pairs}
        elif value:
            found[key] = value
    return found


def _essence(entry: Entry | None, hashed: bool) -> object:
    if entry is None:
        return None
    return entry._replace(change="", digest=entry.digest if hashed else b"")


def _layer_data(layer: LayerContents) -> dict[str, Any]:
    return {
        "digest": layer.digest,
        "diff_id": layer.diff_id,
        "size": layer.size,
        "created_by": plain(layer.created_by),
        "empty": layer.empty,
        "files": [_file_data(entry) for entry in layer.files],
    }


def _file_data(entry: Entry) -> dict[str, Any]:
    return {
        "path": plain(entry.path),
        "change": entry.change,
        "kind": entry.kind,
        "size": entry.size,
        "mode": entry.mode,
    }


def _wasted_line(path: str, size: int, them: Sequence[Waste]) -> str:
    reasons = " and ".join(sorted({waste.reason for waste in them}))
    times = f" {len(them)} times" if len(them) > 1 else ""
    return f"{visible(path)}: {shown_size(size)} {reasons}{times}"


def plain(value: Any) -> Any:
    """The same without what UTF-8 cannot hold: a byte of a name becomes \\xe9, as Python writes
    it, half a character of a config a question mark."""
    if isinstance(value, str):
        if value.isascii():
            return value
        whole = value.encode("utf-8", "surrogateescape" if _is_bytes(value) else "replace")
        return whole.decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return {plain(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def _is_bytes(text: str) -> bool:
    """Whether all its halves of characters are bytes that were no UTF-8."""
    return all("\udc80" <= one <= "\udcff" for one in text if "\ud800" <= one <= "\udfff")
