"""The engine's folder as a whole: one engine at a time, in a form that this one knows.

    DIR/lock       flock'd by the one engine of this folder
    DIR/version    {"format": 1}; without it: 0, of engines that wrote none

An older form is brought up to date, step by step, before anything else is done; a newer one is
refused, and nothing in it is touched.

Knows: forms. Does not know: what an engine does with the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

from ipycontainers.errors import Conflict, Invalid

from . import clearing
from .record import UNNAMED, write

FORMAT = 1
VERSION = "version"
FOLDERS = ("tmp", "containers", "volumes", "networks")


def prepare(data: Path) -> int:
    """Makes the folder and takes its lock, whose descriptor is returned.

    Raises Conflict while another engine has it, Invalid for a name that no address can have and
    for a form of a newer engine, and OSError where the folder cannot be written.
    """
    if "\n" in str(data):
        raise Invalid(f"{str(data)!r} has a line break in its name", "name another with --data")
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    data.chmod(0o700)
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, data)
        _bring_up_to_date(data)
        _sweep(data)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _take(lock: int, data: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise Conflict(
            f"another engine has {data}", "stop that one first, or name another folder with --data"
        ) from error


def _bring_up_to_date(data: Path) -> None:
    found = _format(data)
    if found > FORMAT:
        raise Invalid(
            f"{data} is of a newer engine: its format is {found}, and this one knows {FORMAT}",
            "update ipycontainers, or name another folder with --data",
        )
    for number in range(found, FORMAT):
        STEPS[number](data)
        write(data / VERSION, json.dumps({"format": number + 1}).encode())


def _format(data: Path) -> int:
    try:
        found = json.loads((data / VERSION).read_bytes())["format"]
        if isinstance(found, int) and found > 0:
            return found
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError):
        pass
    raise Invalid(
        f"{data / VERSION} does not say which format the folder has",
        f'write {{"format": {FORMAT}}} into it if this engine made the folder',
    )


def _from_0(data: Path) -> None:
    """What such an engine was writing or making when it was killed looked like the rest."""
    half = re.compile(r".*\.json\.\d+-\d+-\d+")
    for path in (data / "containers").glob("*/*.json.*"):
        if half.fullmatch(path.name):
            path.unlink()
    for volume in (data / "volumes").glob("*"):
        if not os.path.lexists(volume / "_data"):
            clearing.remove(volume)
    _lengthen_names(data)


def _lengthen_names(data: Path) -> None:
    """Merged images had 12 digits; containers that were copied from one are compared with it.
    Layers are unpacked again when an image needs them, or stay with their containers."""
    for path in (data / "containers").glob("*/state.json"):
        try:
            digits = str(json.loads(path.read_bytes())["image"]).partition(":")[2]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # told of when the containers are read
        for end in ("", ".json"):
            old = data / "roots" / f"{digits[:12]}{end}"
            if len(digits) == 64 and old.exists():
                old.rename(old.with_name(f"{digits[:32]}{end}"))


STEPS: dict[int, Callable[[Path], None]] = {0: _from_0}
"""From each earlier format to the next. To be repeatable: it may be cut."""


def _sweep(data: Path) -> None:
    """What belongs to nobody since its engine has ended."""
    for path in (data / "tmp", *data.glob(".probe-*"), *data.glob(f"*.{UNNAMED}*")):
        if path.is_symlink():
            path.unlink()
        clearing.remove(path)
    for name in FOLDERS:
        (data / name).mkdir(mode=0o700, exist_ok=True)
