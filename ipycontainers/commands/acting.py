"""The rows of the verbs that change something.

Knows: these verbs. Does not know: how one is done.
"""

from __future__ import annotations

from .verb import Verb

ROWS: tuple[Verb, ...] = ()
