"""Which engine a widget asks.

In a notebook it is that of ``%%container``, so that what a cell has made is seen; where the
extension is not loaded, the one that ``client.connect`` finds.

Knows: the magics' connection. Does not know: what is asked.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .cells import this_shell

if TYPE_CHECKING:
    from ipycontainers.client import Connection

_OPENED: dict[str, Connection] = {}
_OPENING = threading.Lock()


def connection(engine: str = "", *, start: bool = True) -> Connection:
    """To ``engine``, an address such as ``ssh://me@there``, or to that of this notebook.

    ``start``: our own engine is started where no other answers. Raises EngineUnavailable where
    none answers.
    """
    magics = _magics()
    if not engine and magics is not None:
        made: Connection = magics.connect(start=start)
        return made
    from ipycontainers.client import connect

    with _OPENING:
        if engine not in _OPENED:
            _OPENED[engine] = connect(engine or None, start=start)
        return _OPENED[engine]


def _magics() -> Any:
    shell = this_shell()
    return shell and shell.magics_manager.registry.get("ContainerMagics")


def forget(engine: str = "") -> None:
    """Ask for it anew the next time: it does not answer any more, or another one may by now."""
    magics = _magics()
    if not engine and magics is not None:
        magics.forget()
        return
    with _OPENING:
        if opened := _OPENED.pop(engine, None):
            opened.close()
