"""Values into and out of a container, of every type with a form of its own, nothing pickled.

    packed = pack(value, "table")              in the kernel, before anything runs
    value = unpack(packed, "table")            in the kernel: whatever a container answers
    source()                                   text for the container's Python: arrive, leave
    wrap_python, wrap_shell, collect           for a container that runs one cell
    Shell                                      what a shell is given and what it gives back

Knows: formats, folders in a container. Does not know: engines, sessions, IPython.
"""

from __future__ import annotations

from .archive import Archive
from .files import FOLDER
from .inside.source import source
from .oneshot import Collected, Wrapped, collect, wrap_python, wrap_shell
from .pack import LIMIT, Packed, pack, too_large, unpack
from .shell import SAVED, Exports, exports, saving

__all__ = [
    "FOLDER",
    "LIMIT",
    "SAVED",
    "Archive",
    "Collected",
    "Exports",
    "Packed",
    "Wrapped",
    "collect",
    "exports",
    "pack",
    "saving",
    "source",
    "too_large",
    "unpack",
    "wrap_python",
    "wrap_shell",
]
