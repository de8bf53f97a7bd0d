"""A layer's tar as a list: what it has, what it hides.

    listed = read(stream, "layer 3", Bound())

Contents are passed over, or hashed where they are to be compared. A mark of an empty name
hides nothing and is left out: an image that has one can be looked at all the same. What wants to
climb out is refused, as unpacking does.

Knows: tar entries, whiteouts. Does not know: other layers.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile

from ipycontainers.errors import UnsafeLayer

from .blame import refuse_climbing
from .blob import Readable
from .changes import ADDED, DIRECTORY, FILE, HARD_LINK, SYMLINK, Bound, Entry, Listed
from .heads import Content, heads
from .inside import LONGEST, check_depth
from .shelf import Shelf

_WHITEOUT, _OPAQUE = ".wh.", ".wh..wh..opq"
_NO_NAMES = ("", ".", "..")
KINDS = {
    tarfile.REGTYPE: FILE,
    tarfile.AREGTYPE: FILE,
    tarfile.CONTTYPE: FILE,
    tarfile.GNUTYPE_SPARSE: FILE,
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: HARD_LINK,
    tarfile.FIFOTYPE: "fifo",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
}


def read(
    stream: Readable,
    what: str,
    bound: Bound,
    *,
    first: bytes = b"",
    hashed: bool = False,
    shelf: Shelf | None = None,
) -> Listed:
    """All of a tar that is not compressed; ``first`` was read from it already, ``shelf`` keeps some
    texts. Invalid where it is broken or more than ``bound``, UnsafeLayer for names that lead
    outside."""
    entries: list[Entry] = []
    whiteouts: list[str] = []
    opaque: list[str] = []
    texts: dict[str, bytes] = {}
    for head, content in heads(stream, what, first):
        path = normal(head.name)
        if not path or head.type not in KINDS:
            continue
        bound.take(path, head.linkname)
        above, _, name = path.rpartition("/")
        if not name.startswith(_WHITEOUT):
            start = b""
            if content and shelf:
                start, kept = shelf.keep(content, head.size)
                if kept is not None:
                    texts[path] = kept
            digest = _digest(start, content) if content and hashed else b""
            entries.append(_entry(head, path, digest))
        elif name == _OPAQUE:
            opaque.append(above)
        elif (hidden := name.removeprefix(_WHITEOUT)) not in _NO_NAMES:
            whiteouts.append(f"{above}/{hidden}")
    size = sum(entry.size for entry in entries)
    return Listed(tuple(entries), tuple(whiteouts), tuple(opaque), size, texts)


def _entry(head: tarfile.TarInfo, path: str, digest: bytes) -> Entry:
    kind = KINDS[head.type]
    size = head.size if kind == FILE else 0
    if kind == SYMLINK:
        size = len(head.linkname.encode("utf-8", "surrogateescape"))
    target = normal(head.linkname) if kind == HARD_LINK else head.linkname
    mode = head.mode & 0o7777
    return Entry(path, ADDED, kind, size, mode, head.uid, head.gid, target, digest)


def normal(name: str) -> str:
    """A name in a layer as a path: /etc/motd for ./etc//motd, "" for the root. UnsafeLayer for
    what leads outside or is no path."""
    if "//" in name or "/." in name or name[:1] in ("", "/", "."):
        refuse_climbing(name, name)
        path = posixpath.normpath(f"/{name.lstrip('/')}").rstrip("/")
    else:
        path = f"/{name.rstrip('/')}"
    if len(path) > LONGEST or "\0" in path:
        raise UnsafeLayer(f"no file can have this path: {path[:80]!r}…")
    check_depth(path)
    return path


def _digest(start: bytes, content: Content) -> bytes:
    digest = hashlib.sha256(start)
    while piece := content.read():
        digest.update(piece)
    return digest.digest()
