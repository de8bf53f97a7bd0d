"""What a layer has wrong, said as its maker's doing and not as this machine's.

    with blaming(entry.name): …             errors that a layer can bring about become Invalid
    refuse_climbing("a/../../b", name)      UnsafeLayer

Knows: errors of files. Does not know: tar, folders.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ipycontainers.errors import Invalid, UnsafeLayer

# What a layer can bring about; other errors (no space, no permission) are the machine's.
_OF_THE_LAYER = {
    errno.EEXIST: "is there in another form",
    errno.EFBIG: "is larger than a file can be",
    errno.EISDIR: "is a folder",
    errno.EILSEQ: "has a name that cannot be",
    errno.EINVAL: "has a name that cannot be",
    errno.ELOOP: "is behind a loop of links",
    errno.EMLINK: "has too many names",
    errno.ENAMETOOLONG: "has too long a name",
    errno.ENOENT: "links to what is not there",
    errno.ENOTDIR: "is below what is no folder",
    errno.EPERM: "links to what cannot have a second name",
}


def refuse_climbing(path: str, name: str) -> None:
    """A name that leaves the root by itself; what links do is ``Inside``'s to see to."""
    depth = 0
    for part in path.split("/"):
        depth += {"": 0, ".": 0, "..": -1}.get(part, 1)
        if depth < 0:
            raise UnsafeLayer(f"{name!r:.300} in a layer leads outside: {path!r:.300}")


@contextmanager
def blaming(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_LAYER:
            raise
        raise Invalid(f"{name!r:.300} in a layer {_OF_THE_LAYER[error.errno]}") from error
    except (OverflowError, UnicodeError) as error:
        raise Invalid(f"{name!r:.300} in a layer: {error}") from error
