"""A launcher's own words for why a program did not begin, as Docker would say it.

Knows: messages of bwrap, PRoot and execve. Does not know: processes.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from typing import Any

NOT_FOUND = 127
NOT_EXECUTABLE = 126
REFUSED = 125


class StartError(Exception):
    """The program did not begin. ``code`` is what ``docker run`` exits with, ``told`` what the
    engine may want to know besides."""

    def __init__(self, message: str, code: int, told: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.told = told or {}


def of_errno(name: str, number: int) -> StartError:
    """What execve of ``name``, or a step before it, failed with."""
    if number == errno.ENOENT:
        return _absent(name)
    code = NOT_EXECUTABLE if number in (errno.EACCES, errno.ENOEXEC, errno.EISDIR) else REFUSED
    return StartError(f'exec: "{name}": {os.strerror(number).lower()}', code)


def of_exception(error: BaseException) -> str:
    """Of the machine, as of a full disk, or of this program."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return f"{type(error).__name__}: {error}"


def of_machine(error: Exception) -> StartError:
    """It could not be tried, as where no process or no descriptor is to be had; a StartError is
    one already."""
    return error if isinstance(error, StartError) else StartError(of_exception(error), REFUSED)


def of_cwd(path: str, number: int) -> StartError:
    """The working directory cannot be entered."""
    reason = os.strerror(number).lower()
    return StartError(
        f'chdir to cwd ("{path}") set in config.json failed: {reason}', NOT_EXECUTABLE
    )


def of_words(name: str, text: str) -> StartError:
    """What the launcher wrote to standard error instead of running ``name``."""
    line = next(iter(text.strip().splitlines()), "the launcher ended without a word")
    reason = line.rpartition(": ")[2]
    if "chdir" in line or "can't chdir" in line:
        return StartError(f"the working directory cannot be entered: {reason.lower()}", NOT_FOUND)
    if line.startswith("bwrap: execvp"):
        number = next((n for n in errno.errorcode if os.strerror(n) == reason), errno.EINVAL)
        return of_errno(name, number)
    if line.startswith("proot error:") and "not found" in line:
        return _absent(name)
    if line.startswith("proot error:") and re.search("not (executable|a regular file)", line):
        return of_errno(name, errno.EACCES)
    return StartError(line, REFUSED)


def _absent(name: str) -> StartError:
    if "/" in name:
        return StartError(f'exec: "{name}": stat {name}: no such file or directory', NOT_FOUND)
    return StartError(f'exec: "{name}": executable file not found in $PATH', NOT_FOUND)
