"""Which launcher: the first that works, or the one that was asked for.

Knows: the order. Does not know: how each is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ipycontainers.errors import LaunchError

from .bubblewrap import Bubblewrap
from .launcher import Launcher
from .ptrace import Ptrace

_NAMES = ("bubblewrap", "ptrace")


def choose(data: Path, wanted: str | None = None) -> Launcher:
    """The best that a trial in ``data`` finds; only ``wanted`` is tried if it is given.

    ``LaunchError`` says why each was refused, and its hint the one command that helps.
    """
    from . import probe

    trials: dict[str, Callable[[Path], Launcher]] = {
        "bubblewrap": probe.bubblewrap,
        "ptrace": probe.ptrace,
    }
    if wanted and wanted not in trials:
        raise LaunchError(f"no launcher {wanted}", f"the launchers are {', '.join(_NAMES)}")
    refusals: list[LaunchError] = []
    for name in [wanted] if wanted else _NAMES:
        found = _try(trials[name], data)
        if not isinstance(found, LaunchError):
            return found
        refusals.append(found)
    reasons = "; ".join(err.message for err in refusals)
    raise LaunchError(f"no container can be started here: {reasons}", refusals[-1].hint)


def _try(trial: Callable[[Path], Launcher], data: Path) -> Launcher | LaunchError:
    try:
        return trial(data)
    except LaunchError as err:
        return err


def of(plain: Mapping[str, Any]) -> Launcher:
    """The launcher whose ``to_dict`` gave ``plain``."""
    return Ptrace.of(plain) if plain["name"] == "ptrace" else Bubblewrap.of(plain)
