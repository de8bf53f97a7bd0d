"""The same few questions, asked on this machine, in a container and in a virtual machine.

``probe`` is what is asked, ``here``, ``container`` and ``machine`` ask it; the last boots a Linux
kernel as an ordinary process, by user-mode Linux, where that is installed.

Knows: nothing by itself. Does not know: how answers are shown.
"""

from __future__ import annotations
