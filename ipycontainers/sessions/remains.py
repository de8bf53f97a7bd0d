"""What a shell that ``set -e`` has ended left, as text that makes the next one like it.

bash tells all of it in its own words. Other shells tell variables and aliases and cannot
tell functions; what they tell is read here, and said again so that any shell takes it.

Knows: how POSIX shells quote. Does not know: how the text arrived.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping

from .posix import quoted

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# What a shell sets by itself.
OWN = re.compile(r"(__ipyc\w*|PPID|PWD|OPTIND|LINENO|PS[1234]|_|EUID|UID|SHLVL|RANDOM)\Z")
OPTIONS = "aefux"


def restored(parts: Mapping[str, str]) -> str:
    """``parts``: options, umask, folder, and bash, or exported, variables and aliases."""
    lines = [f"cd -- {quoted(parts.get('folder', '/'))}"]
    if mask := parts.get("umask", "").strip():
        lines.append(f"umask {quoted(mask)}")
    if "bash" in parts:
        lines.append(parts["bash"])
    else:
        lines += _assignments(parts.get("variables", ""), "")
        lines += _assignments(parts.get("exported", ""), "export ")
        lines += [f"alias {quoted(word)}" for word in _words(parts.get("aliases", ""))]
    options = "".join(one for one in parts.get("options", "") if one in OPTIONS)
    if options:
        lines.append(f"set -{options}")
    return "\n".join(lines) + "\n"


def _words(text: str) -> list[str]:
    """NAME=VALUE of every line; a shell's own keywords before it are left out."""
    try:
        words = shlex.split(text, posix=True)
    except ValueError:  # cut short
        return []
    return [word for word in words if "=" in word and not word.startswith("=")]


def _assignments(text: str, before: str) -> Iterator[str]:
    for word in _words(text):
        name, _, value = word.partition("=")
        if NAME.match(name) and not OWN.match(name):
            yield f"{before}{name}={quoted(value)}"
