"""What a container shares with its machine, and what it does not.

    own = proc.own()                                     this program, measured
    near = proc.snapshot(4711)                           a container's first process, measured
    compare(host_of(own), [Container("web", …, [near])], [])

``kinds`` (the eight namespaces), ``snapshot`` (what one source tells), ``proc`` (measured),
``inside`` (asked inside), ``declared``, ``compare``, ``tree`` (one process, two numbers).

Knows: the kernel's files. Does not know: engines, widgets.
"""

from __future__ import annotations

from .compare import Container, Host, compare, host_of, proof
from .kinds import KINDS, Kind
from .snapshot import ASKED, DECLARED, MEASURED, Snapshot
from .tree import Process

__all__ = [
    "ASKED",
    "DECLARED",
    "KINDS",
    "MEASURED",
    "Container",
    "Host",
    "Kind",
    "Process",
    "Snapshot",
    "compare",
    "host_of",
    "proof",
]
