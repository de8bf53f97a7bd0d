"""What --filter becomes: the query ``filters`` of the engine's API.

Knows: its form. Does not know: which filters an endpoint has; the engine says which not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable


def query(given: Iterable[str], **more: str) -> str:
    """``("status=exited", "label=a=1")`` as JSON, "" for none. Names are lower case, and values
    have no blanks at their ends, as docker has it."""
    found: dict[str, list[str]] = {}
    for name, value in [*map(_split, given), *more.items()]:
        values = found.setdefault(name, [])
        if value not in values:
            values.append(value)
    return json.dumps(found) if found else ""


def _split(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip()
