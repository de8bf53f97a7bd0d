"""How a container's processes are kept apart: which program is asked, with which words.

A launcher turns a ``Bundle`` into a ``Command``; somebody else (``supervise``) runs it.
``choose`` tries the launchers in the data directory and takes the first that works there.

Knows: bubblewrap's and PRoot's flags. Does not know: images, Docker's JSON, who waits.
"""

from __future__ import annotations

from .choice import choose, of
from .launcher import Launcher
from .orders import to_exec, to_start

__all__ = ["Launcher", "choose", "of", "to_exec", "to_start"]
