"""The engine that needs no installation: where it listens, whether it is ours, its start.

It is tried after all others and started when none answers and none was asked for. Whoever
could put a socket in its place would be given every cell, so before a word is said its
folder must be this user's and closed to others, the socket this user's, and the process
behind it too.

Knows: a socket's owner, how a process is started. Does not know: what an engine does.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ipycontainers import errors
from ipycontainers.engine import places

SOURCE = "ipycontainers"
IDLE = 600  # seconds after which an engine without containers leaves
PATIENCE = 20.0  # seconds that the start may take on a slow disk
REST = 3.0  # for another that is starting at the same time
STOPPING = 10.0
INTERVAL = 0.02
LAST_WORDS = 4096


def is_possible() -> bool:
    """Containers are made of Linux's own parts."""
    return sys.platform == "linux"


def check(path: Path) -> None:
    """Raises EngineForbidden for a place where another user could have put the socket.

    The folder is 0700 and the socket 0600, both this user's; no folder above is one in which
    anybody may rename them. A place that does not exist is no such place.
    """
    for above in path.parent.parents:
        with suppress(OSError):
            if stat.S_IMODE(above.stat().st_mode) & (0o002 | stat.S_ISVTX) == 0o002:
                raise errors.EngineForbidden(
                    f"anybody may replace what is in {above}, so what listens below is not trusted",
                    f"chmod o-w {above}, or set IPYCONTAINERS_DATA to another folder",
                )
    for what, kind in ((path.parent, stat.S_ISDIR), (path, stat.S_ISSOCK)):
        try:
            found = what.lstat()
        except FileNotFoundError:
            return
        mine = found.st_uid == os.getuid() and kind(found.st_mode)
        if not mine or stat.S_IMODE(found.st_mode) & 0o077:
            raise errors.EngineForbidden(
                f"{what} is not this user's alone, so what listens there is not trusted",
                f"rm -r {path.parent}" if mine else f"remove {what}, or set IPYCONTAINERS_DATA",
            )


def check_peer(sock: socket.socket) -> int:
    """The pid of the process at the other end. Raises EngineForbidden for another user's."""
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid != os.getuid():
        raise errors.EngineForbidden(
            f"the engine at {sock.getpeername()} is the user's with the number {uid}",
            "set IPYCONTAINERS_DATA to a folder of this user",
        )
    return int(pid)


def pid_of(path: Path) -> int | None:
    """Of the engine that listens there, None without one. Raises EngineForbidden."""
    check(path)
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return None
        return check_peer(sock)


def start(environ: Mapping[str, str] = os.environ) -> int:
    """Returns its pid when it listens; at once when it does already.

    Raises NoEngine, with the engine's own words, where it cannot run, and EngineForbidden.
    """
    path, log = places.socket(environ), places.log(environ)
    try:
        pid = pid_of(path)
        if pid is not None:
            return pid
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        begin = log.stat().st_size if log.exists() else 0
        process = _spawn(log, environ)
    except OSError as error:
        raise errors.NoEngine(
            f"the engine cannot start: {error.strerror}: {error.filename}",
            "set IPYCONTAINERS_DATA to a folder that can be written",
        ) from error
    return _wait_for(path, process, log, begin)


def _spawn(log: Path, environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that it outlives the kernel; not in the notebook's folder,
    where a file could pass for a module of ours."""
    package = Path(__file__).resolve().parents[2]
    found = os.pathsep.join(filter(None, (str(package), environ.get("PYTHONPATH", ""))))
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "ipycontainers.engine", "--idle", str(IDLE)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**environ, "PYTHONPATH": found},
            start_new_session=True,
        )


def _wait_for(path: Path, process: subprocess.Popen[bytes], log: Path, begin: int) -> int:
    latest = time.monotonic() + PATIENCE
    while time.monotonic() < latest:
        if (pid := pid_of(path)) is not None:
            if pid == process.pid:
                process.returncode = 0  # it is nobody's to wait for: no warning about that
            return pid
        if process.poll() is not None:
            latest = min(latest, time.monotonic() + REST)
            process.returncode = process.returncode or 1
            if not _is_taken(log, begin):
                break
        time.sleep(INTERVAL)
    message, hint = _last_words(log, begin)
    raise errors.NoEngine(f"the engine of ipycontainers does not start: {message}", hint)


def _is_taken(log: Path, begin: int) -> bool:
    """Another was faster, and will answer."""
    return "another engine" in _text(log, begin)


def _last_words(log: Path, begin: int) -> tuple[str, str]:
    lines = _text(log, begin).strip().splitlines() or ["it is silent"]
    if lines[-1].startswith("  hint: ") and len(lines) > 1:
        return lines[-2], lines[-1].removeprefix("  hint: ")
    return lines[-1], f"see {log}"


def _text(log: Path, begin: int) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(begin, file.seek(0, os.SEEK_END) - LAST_WORDS))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def stop(environ: Mapping[str, str] = os.environ) -> bool:
    """False: none ran. Containers go on and are found again by the next engine."""
    import signal

    path = places.socket(environ)
    pid = pid_of(path)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    latest = time.monotonic() + STOPPING
    while pid_of(path) == pid and time.monotonic() < latest:
        time.sleep(INTERVAL)
    return True
