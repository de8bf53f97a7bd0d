"""A shell whose input ends when we do, however we end: so it can tidy up after us.

    with tied("echo made; read -r rest; …", "word") as shell:      has said a line
        shell.stdin.write(…)
                                                its input ends, and it has come to its end

Knows: sh, pipes. Does not know: what it tidies up.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def tied(script: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """``words`` are its $1 and so on. No other process may write to it, so it reads the end when
    this one is killed. Raises OSError where it does not say its first line."""
    shell = subprocess.Popen(
        ["sh", "-c", script, "sh", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # ■ and Ctrl-C are not for it
    )
    assert shell.stdin
    assert shell.stdout
    try:
        if not shell.stdout.readline():
            raise OSError(f"sh could not prepare {words[-1]}")
        yield shell
    finally:
        with suppress(BrokenPipeError):
            shell.stdin.close()
        shell.stdout.close()
        shell.wait()
