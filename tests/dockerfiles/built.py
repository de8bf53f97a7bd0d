"""What a build has made: files, configuration, history, and the names in each layer.

    found = described(archive, bases)       of what ``docker save`` gave, as JSON
    differences(theirs, ours, case)         lines, one for each thing that differs

Files are those in which the image differs from its base: path → kind, mode, owner, size, digest of
the content, target of a link, the first name of the same file; None for what is gone. Times are
told where they are of the context.

Knows: archives of images, whiteouts. Does not know: engines, Dockerfiles.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import IO, Any

from dockerfiles.cases import Case
from dockerfiles.contexts import IN_ARCHIVES, MOMENT

Entry = dict[str, Any]
Root = dict[str, Entry]
KINDS = {
    tarfile.REGTYPE: "file", tarfile.AREGTYPE: "file", tarfile.DIRTYPE: "folder",
    tarfile.SYMTYPE: "link", tarfile.FIFOTYPE: "fifo", tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device", tarfile.GNUTYPE_SPARSE: "file",
}  # fmt: skip
TIMES = {MOMENT, IN_ARCHIVES}  # of contexts; what a program has made is of its own moment
WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
CAPABILITY = "SCHILY.xattr.security.capability"
# useradd writes the day into it, and what dockerd made may be of an earlier one: shadow(5).
SHADOW = ("etc/shadow", "etc/shadow-")
DAY = 2  # of the words between colons, from 0


class Bases:
    """The roots of base images of one layer, read once: by diff id."""

    def __init__(self) -> None:
        self._roots: dict[str, Root | None] = {}

    def learn(self, diff_id: str) -> None:
        self._roots.setdefault(diff_id, None)

    def below(self, tar: tarfile.TarFile, layers: list[tuple[str, str]]) -> Root:
        """The root of the first of these layers, which it takes away, if that is a base's."""
        if not layers or layers[0][0] not in self._roots:
            return {}
        diff_id, path = layers.pop(0)
        root = self._roots[diff_id]
        if root is None:
            root = self._roots[diff_id] = {}
            _apply(root, _open(tar, path))
        return root


def described(archive: IO[bytes], bases: Bases) -> dict[str, Any]:
    with tarfile.open(fileobj=archive) as tar:
        manifest = json.load(_open(tar, "manifest.json"))[0]
        config = json.load(_open(tar, manifest["Config"]))
        ids = config["rootfs"].get("diff_ids") or []
        layers = list(zip(ids, manifest["Layers"] or [], strict=True))
        base = bases.below(tar, layers)
        root = dict(base)
        names = [_apply(root, _open(tar, path)) for _, path in layers]
    return {
        "config": _config(config),
        "history": [_step(one) for one in config.get("history") or ()],
        "layers": len(ids),
        "names": names,
        "files": dict(_changed(_told(base), _told(root))),
    }


def _open(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    assert found, name
    return found


def _config(config: dict[str, Any]) -> Entry:
    """Without the name of the image before, which is of a moment."""
    kept = ("architecture", "os", "author", "variant")
    inner = {key: value for key, value in config["config"].items() if key != "Image"}
    return {**{key: config.get(key, "") for key in kept}, **inner}


def _step(one: Entry) -> list[object]:
    keys = ("created_by", "empty_layer", "comment", "author")
    return [one.get(key, False if key == "empty_layer" else "") for key in keys]


# --- layers --------------------------------------------------------------------------------------


def _apply(root: Root, layer: IO[bytes]) -> list[str]:
    """Changes ``root``; returns the names of what is there and no folder."""
    names, new = [], set()
    with tarfile.open(fileobj=layer) as tar:
        for member in tar:
            path = member.name.removeprefix("./").strip("/")
            folder, _, name = path.rpartition("/")
            if name.startswith(WHITEOUT):
                hidden = (
                    folder if name == OPAQUE else f"{folder}/{name[len(WHITEOUT) :]}".strip("/")
                )
                _hide(root, hidden, new, itself=name != OPAQUE)
                continue
            if path in ("", "."):
                continue
            before = root.get(path)
            if before and (before["kind"] == "folder") != member.isdir():
                _hide(root, path, new, itself=True)
            root[path] = _entry(root, tar, member, path)
            new.add(path)
            if not member.isdir():
                names.append(path)
    return sorted(names)


def _hide(root: Root, hidden: str, new: set[str], *, itself: bool) -> None:
    below = f"{hidden}/"
    for path in [p for p in root if p.startswith(below) or (itself and p == hidden)]:
        if path not in new:
            del root[path]


def _entry(root: Root, tar: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> Entry:
    if member.islnk():
        return root[member.linkname.removeprefix("./").strip("/")]  # one entry under two names
    found: Entry = {
        "kind": KINDS[member.type],
        "mode": f"{member.mode & 0o7777:04o}",
        "owner": f"{member.uid}:{member.gid}",
    }
    if member.issym():
        found["target"] = member.linkname
        del found["mode"]  # no system heeds it
    if member.isreg():
        content = tar.extractfile(member)
        assert content
        found["size"] = member.size
        found["digest"] = _digest(_without_days(content) if path in SHADOW else content)
        found["time"] = int(member.mtime) if member.mtime in TIMES else None
    if CAPABILITY in member.pax_headers:
        found["capability"] = member.pax_headers[CAPABILITY]
    return found


def _without_days(shadow: IO[bytes]) -> IO[bytes]:
    lines = [line.split(b":") for line in shadow.read().splitlines()]
    return io.BytesIO(b"\n".join(b":".join((*it[:DAY], *it[DAY + 1 :])) for it in lines))


def _digest(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in iter(lambda: content.read(1 << 20), b""):
        digest.update(piece)
    return digest.hexdigest()


def _told(root: Root) -> Root:
    """Each entry with the first of the names that it has besides."""
    names: dict[int, list[str]] = {}
    for path, entry in root.items():
        names.setdefault(id(entry), []).append(path)
    found = {}
    for path, entry in root.items():
        same = sorted(names[id(entry)])
        found[path] = {**entry, "same": same[0]} if len(same) > 1 else entry
    return found


def _changed(base: Root, root: Root) -> Iterator[tuple[str, Entry | None]]:
    for path in sorted({*base, *root}):
        if base.get(path) != root.get(path):
            yield path, root.get(path)


# --- what differs --------------------------------------------------------------------------------


def differences(theirs: Entry, ours: Entry, case: Case, *, copied: bool) -> list[str]:
    """``theirs`` and ``ours`` are as ``described`` gives them; ``copied``: ours has no overlayfs,
    which has in a layer also what was opened to be written to, and was not."""
    lines = []
    parts = ("config",) if case.has_twin else ("config", "history", "layers")
    if not copied and not case.has_twin:
        parts = (*parts, "names")
    for part in parts:
        lines += _differ(part, theirs[part], ours[part], case)
    for path in sorted({*theirs["files"], *ours["files"]}):
        if copied and _matches(path, case.traced):
            continue
        left, right = (_seen(side["files"].get(path), path, case) for side in (theirs, ours))
        _forget_times(left, right, everywhere=case.has_twin)
        if left != right:
            lines.append(f"/{path}: dockerd {left}, ours {right}")
    return lines


def _differ(part: str, left: Any, right: Any, case: Case) -> Iterator[str]:
    if isinstance(left, dict):
        for key in sorted({*left, *right}):
            if left.get(key) != right.get(key):
                yield f"{part} {key}: dockerd {left.get(key)!r}, ours {right.get(key)!r}"
    elif isinstance(left, list) and len(left) == len(right):
        for number, (one, other) in enumerate(zip(left, right, strict=True)):
            if part == "names":
                one, other = _kept(one, case), _kept(other, case)  # noqa: PLW2901
            if one != other:
                yield f"{part} {number}: dockerd {one!r}, ours {other!r}"
    elif isinstance(left, list):
        yield f"{part}: {len(left)} on dockerd, {len(right)} on ours"
        for one in [one for one in (*left, *right) if (one in left) != (one in right)]:
            yield f"{part}: only {'dockerd' if one in left else 'ours'} {one!r}"
    elif left != right:
        yield f"{part}: dockerd {left!r}, ours {right!r}"


def _kept(names: Sequence[str], case: Case) -> list[str]:
    return [name for name in names if not _matches(name, case.changing)]


def _seen(entry: Entry | None, path: str, case: Case) -> Entry | str:
    """Without what this case promises nothing of."""
    if _matches(path, case.changing):
        return "of a moment"
    without = {"owner"} if _matches(path, case.owned) else set()
    if entry is None:
        return "no such file"
    return {key: value for key, value in entry.items() if key not in without}


def _forget_times(theirs: Entry | str, ours: Entry | str, *, everywhere: bool) -> None:
    """What programs and here-documents made has another time than on dockerd, where it is that
    of the moment, or of what stands for the here-document."""
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return
    if everywhere or theirs.get("time") is None:
        ours.pop("time", None)
        theirs.pop("time", None)


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
