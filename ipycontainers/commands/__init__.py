"""The docker command's verbs, without its program.

    call = parse(["ps", "-a"])                        which verb, and what of it
    result = call.verb.handler()(call, console)       done: docker's text, and a value

Read ``verb`` and ``table`` (with ``looking`` and ``acting``: every verb), ``parse`` and
``manual``, then ``call``, ``console`` and ``result``, which a verb's function takes and gives.
``listing`` makes a table of things, by ``template`` (Go's) and ``columns`` (docker's layout);
``filters`` is what --filter becomes.

Knows: docker's verbs, words and layouts. Does not know: notebooks, docker-py.
"""

from __future__ import annotations

from .call import Call
from .console import Console
from .manual import help_text
from .parse import Help, parse
from .result import Inspected, Lines, Listing, Result, Tar, Text

__all__ = [
    "Call",
    "Console",
    "Help",
    "Inspected",
    "Lines",
    "Listing",
    "Result",
    "Tar",
    "Text",
    "help_text",
    "parse",
]
