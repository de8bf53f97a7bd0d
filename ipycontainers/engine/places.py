"""Where an engine of this user has its data and its socket, by the rules of XDG.

    data      $IPYCONTAINERS_DATA, else $XDG_DATA_HOME/ipycontainers, else ~/.local/share/…
    socket    $XDG_RUNTIME_DIR/ipycontainers/engine.sock, else DATA/run/engine.sock

Data elsewhere than by XDG's rules have their socket beside them: another directory is
another engine.

Knows: the environment. Does not know: whether anything is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DATA = "IPYCONTAINERS_DATA"
SOCKET = "engine.sock"


def data(environ: Mapping[str, str] = os.environ) -> Path:
    """Absolute; need not exist."""
    return Path(environ[DATA]).absolute() if environ.get(DATA) else _usual(environ)


def socket(environ: Mapping[str, str] = os.environ, at: Path | None = None) -> Path:
    """Of the engine that has its data ``at`` this place, or at this user's."""
    at = at or data(environ)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # Path's is_dir raises where it may not look.
    if runtime and os.path.isdir(runtime) and at == _usual(environ):  # noqa: PTH112
        return Path(runtime) / "ipycontainers" / SOCKET
    return at / "run" / SOCKET


def log(environ: Mapping[str, str] = os.environ, at: Path | None = None) -> Path:
    """What an engine that was started on demand has printed."""
    return (at or data(environ)) / "engine.log"


def _usual(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    return (
        Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / "ipycontainers"
    ).absolute()
