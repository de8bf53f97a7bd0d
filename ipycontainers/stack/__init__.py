"""The same few questions, asked on this machine, in a container and in a virtual machine.

    measure_here()                      a process of this machine
    measure_container(connection, "busybox")
    measure_machine()                   a Linux kernel of its own, where one can be booted
    least_memory()                      with how little memory that boots

Each of the first three gives a ``Measured``, and never raises what is missing: it says so.
``probe`` is what is asked; ``kernels`` finds what ``machine`` boots.

Knows: nothing by itself. Does not know: how answers are shown.
"""

from __future__ import annotations

from .container import measure as measure_container
from .here import measure as measure_here
from .machine import least_memory
from .machine import measure as measure_machine
from .probe import Measured

__all__ = ["Measured", "least_memory", "measure_container", "measure_here", "measure_machine"]
