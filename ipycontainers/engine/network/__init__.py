"""Networks: which there are, who is in them, and by which names containers find one another.

``network`` is one of them and ``networks`` all that are on the disk; ``endpoint`` is a container's
place in one, ``addresses`` what can be given to it; ``connections`` joins containers and lets them
go, ``names`` says what each is to know of the others and ``hosts`` writes that down.

How containers are reached from outside: ``ports`` holds the rules, ``forwarder`` is a process
beside a container that has any.

Knows: Docker's words for networks. Does not know: HTTP, launchers.
"""

from __future__ import annotations
