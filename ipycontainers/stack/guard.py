"""A process group and a folder that are gone when we are, however we end.

    with guarded(place) as guard:               makes the folder, guard.folder
        process = guard.start(["program", …])   in a session of its own
                                                killed, and the folder removed

A shell waits for our end, and then kills the group and removes the folder: at the end of the
block, and as well when this process is killed. What is to run waits until it knows its number.

Knows: process groups. Does not know: what runs.
"""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .tied import tied

_GUARD = """
mkdir -m 700 -- "$1" || exit
echo made
read -r group && read -r rest
[ -z "$group" ] || kill -9 "-$group" 2>/dev/null
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
"""
# A kernel that panics would leave its memory as a core.
_START = 'ulimit -c 0; read -r go || exit 0; exec "$@" </dev/null'


class Guard:
    """``folder`` is new and ours alone."""

    def __init__(self, folder: Path, shell: subprocess.Popen[bytes]) -> None:
        self.folder, self._shell = folder, shell
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self, words: Sequence[str], environment: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Once; both its streams are its ``stdout``."""
        process = self.process = subprocess.Popen(
            ["sh", "-c", _START, "sh", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )
        assert self._shell.stdin
        self._shell.stdin.write(b"%d\n" % process.pid)
        self._shell.stdin.flush()
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.write(b"go\n")
            process.stdin.close()
        return process


@contextmanager
def guarded(place: Path) -> Iterator[Guard]:
    """The folder is made in ``place``. Raises OSError where it cannot be."""
    folder = place / f"ipycontainers-vm-{secrets.token_hex(8)}"
    guard = None
    try:
        with tied(_GUARD, str(folder)) as shell:
            guard = Guard(folder, shell)
            yield guard
    finally:
        if guard and guard.process:
            for stream in (guard.process.stdin, guard.process.stdout):
                if stream:
                    stream.close()
            guard.process.wait()
