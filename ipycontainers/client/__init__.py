"""Which engine runs the containers, and how to ask it.

    connection = connect()
    created = connection.create({"Image": "alpine", "Cmd": ["echo", "hi"]})
    attachment = connection.attach(created.id)
    with attachment, connection.watch_exit(created.id) as watch:
        connection.start(created.id)
        output = b"".join(iter(attachment.read, b""))
        exit = watch.result()
    connection.remove(created.id)

Reading order: ``discover`` (where an engine may be) with ``contexts`` and ``hints``;
``dial`` and ``ssh`` (a byte stream to it); ``stream`` (long requests: attach, exec,
events, pull), ``feeds`` (many of them at once) and ``adapter`` (docker-py's short ones);
``opening`` (what fails, and how); ``connection`` (all requests, one facade) with ``exits``
and ``pull``; ``daemon`` (any endpoint, as the docker command asks); ``doctor``.

Knows: that there are several engines with one API, docker-py. Does not know: cells,
options of ``docker run``, IPython. Importing this package imports neither docker-py
nor anything else that is slow; the first connection does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .discover import Attempt, Candidate, Tls, candidates, connect, is_own, open_candidate

if TYPE_CHECKING:
    from .connection import Connection, Created
    from .daemon import Daemon
    from .executions import Execution
    from .exits import Exit, ExitWatch
    from .feeds import Feed, Feeds
    from .pull import PullProgress
    from .stream import Attachment

__all__ = [
    "Attachment",
    "Attempt",
    "Candidate",
    "Connection",
    "Created",
    "Daemon",
    "Execution",
    "Exit",
    "ExitWatch",
    "Feed",
    "Feeds",
    "PullProgress",
    "Tls",
    "candidates",
    "connect",
    "is_own",
    "open_candidate",
]

_LATER = {
    "Attachment": "stream",
    "Connection": "connection",
    "Created": "connection",
    "Daemon": "daemon",
    "Execution": "executions",
    "Exit": "exits",
    "ExitWatch": "exits",
    "Feed": "feeds",
    "Feeds": "feeds",
    "PullProgress": "pull",
}


def __getattr__(name: str) -> object:
    # PEP 562: the types exist for annotations and isinstance, and cost nothing before.
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
