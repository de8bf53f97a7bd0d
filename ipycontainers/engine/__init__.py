"""What a container does: our own rootless engine, which speaks the Docker Engine API.

    python -m ipycontainers.engine --socket PATH [--data DIR] [--idle SECONDS]

Reading order: ``container`` (what one is to be), ``record`` (what is kept of it), ``events``;
``launch``, ``rootfs``, ``supervise`` (how a process is started, from which files, and
who stays with it); ``engine`` (the verbs); ``wire`` and ``shapes`` (Docker's bytes and
JSON); ``api`` (the endpoints); ``server`` (HTTP on a unix socket); ``__main__``.

Knows: processes, files, the Docker Engine API as a server. Does not know: docker-py,
IPython, the client. Importing this package imports nothing.
"""

from __future__ import annotations
