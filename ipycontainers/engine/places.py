"""Where an engine of this user has its data and its socket, by the rules of XDG.

    data      $IPYCONTAINERS_DATA, else $XDG_DATA_HOME/ipycontainers, else ~/.local/share/…
    socket    $XDG_RUNTIME_DIR/ipycontainers/engine.sock, else DATA/run/engine.sock

Data elsewhere than by XDG's rules have their socket beside them: another directory is
another engine. Where that path is longer than a socket's may be, it is in a folder of the
user's own, /tmp/ipycontainers-UID-HASH, whose owner and mode are checked like any other's.

Knows: the environment. Does not know: whether anything is there.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipycontainers.oci import Layout

DATA = "IPYCONTAINERS_DATA"
SOCKET = "engine.sock"
LONGEST_SOCKET = 107  # bytes of sun_path, without its end (unix(7))


def data(environ: Mapping[str, str] = os.environ) -> Path:
    """Absolute; need not exist."""
    return Path(environ[DATA]).absolute() if environ.get(DATA) else _usual(environ)


def socket(environ: Mapping[str, str] = os.environ, at: Path | None = None) -> Path:
    """Of the engine that has its data ``at`` this place, or at this user's."""
    at = at or data(environ)
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    # Path's is_dir raises where it may not look.
    if runtime and os.path.isdir(runtime) and at == _usual(environ):  # noqa: PTH112
        return _short(Path(runtime) / "ipycontainers" / SOCKET)
    return _short(at / "run" / SOCKET)


def log(environ: Mapping[str, str] = os.environ, at: Path | None = None) -> Path:
    """What an engine that was started on demand has printed."""
    return (at or data(environ)) / "engine.log"


def layout(environ: Mapping[str, str] = os.environ) -> Layout:
    """The images of this user's engine, which need not run; made where there are none yet."""
    from ipycontainers.oci import Layout

    at = data(environ)
    at.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Layout.open(at / "oci")


def _short(path: Path) -> Path:
    name = os.fsencode(path)
    if len(name) <= LONGEST_SOCKET:
        return path
    return (
        Path(f"/tmp/ipycontainers-{os.getuid()}-{hashlib.sha256(name).hexdigest()[:16]}") / SOCKET
    )


def _usual(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("HOME") or Path.home())
    return (
        Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / "ipycontainers"
    ).absolute()
