"""Networks: which there are, who is in them, and by which names containers find one another.

``network`` is one of them and ``networks`` all that are on the disk; ``endpoint`` is a container's
place in one, ``addresses`` what can be given to it; ``connections`` joins containers and lets them
go, ``names`` says what each is to know of the others and ``hosts`` writes that down.

What packets go over is made without root, in a user namespace:

    host's network ── slirp4netns ── tap0 ┐ router (a network namespace of the keeper)
                                          ├ docker0 ── cable ── eth0 of a container
                                          └ br-1234 ── cable ── eth0 of another one

One *keeper* per data directory holds all of it: a small process that outlives the engine as
supervisors do. ``keeping`` is how the engine speaks to it, ``joining`` says who needs it.

How containers are reached from outside: ``ports`` holds the rules, ``forwarder`` is a process
beside a container that has any.

Knows: Docker's words for networks, Linux's interfaces. Does not know: HTTP, launchers' flags.
"""

from __future__ import annotations
