"""The endpoints of the API, each an async function of the engine and a request.

    async def endpoint(engine, request, *parts) -> Reply | Chunks | Hijack

``parts`` are what stands in the path where its route in ``api`` has ``{}``. They raise
ContainerErrors, which ``api`` turns into statuses. What may wait for the disk or for a
process runs in a thread.

Reading order: ``system``, ``images``, ``transfers`` (archives of images), ``containers`` (short
ones), ``streams`` (attach, logs, wait), ``executions``, ``archives``.

Knows: Docker's queries and bodies. Does not know: HTTP, sockets of clients.
"""

from __future__ import annotations
