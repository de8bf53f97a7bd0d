"""What a Dockerfile says, as values: its stages, and their instructions.

Knows: shapes. Does not know: text, effects.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .heredocs import Heredoc


@dataclass(frozen=True)
class Instruction:
    """One instruction, its variables not yet replaced.

    ``word`` is in capitals, ``text`` what follows the flags, ``original`` the line that steps
    show. ``arguments`` are the parts that dockerd makes of the text: the words of the JSON form
    (``is_json``), else the paths, the ports, names and values by turns, or one for the whole text.
    """

    word: str
    text: str
    original: str
    arguments: tuple[str, ...] = ()
    is_json: bool = False
    flags: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    heredocs: tuple[Heredoc, ...] = ()
    line: int = 0
    expands: bool = True  # False for --label, whose text is taken as it is


@dataclass(frozen=True)
class Stage:
    """From one FROM to the next. ``base`` and ``platform`` may hold variables; ``name`` is ""
    where there is no AS, and in small letters."""

    base: str
    name: str
    platform: str
    original: str
    instructions: tuple[Instruction, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class Dockerfile:
    """The whole. ``arguments`` are the ARG before the first FROM, ``warnings`` lines to show."""

    escape: str
    arguments: tuple[Instruction, ...]
    stages: tuple[Stage, ...]
    warnings: tuple[str, ...] = ()
