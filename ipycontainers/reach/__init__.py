"""Who reaches whom: this machine, containers, networks, published ports.

``places`` is what the engine says there is, ``attempts`` what is to be tried, ``measure`` tries it.

Knows: nothing by itself. Does not know: how it is shown.
"""

from __future__ import annotations
