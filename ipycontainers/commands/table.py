"""The one table of verbs.

A row drives parsing, help, Tab and ``docs/cheatsheet.md``, and names the function that does it.
To add a verb, add a row in ``looking`` or ``acting``; the docker command is its judge.

Knows: which verbs there are. Does not know: how one is done.
"""

from __future__ import annotations

from . import acting, looking
from .verb import Verb

VERBS: tuple[Verb, ...] = (*looking.ROWS, *acting.ROWS)
BY_NAME = {name: verb for verb in VERBS for name in verb.names}
GROUPS = {
    "container": "Manage containers",
    "image": "Manage images",
    "network": "Manage networks",
    "system": "Manage Docker",
    "volume": "Manage volumes",
}
