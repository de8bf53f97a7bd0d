"""The line of %%container: the options of ``docker run`` and a few of our own.

    parse(expand(split(line), user_namespace))   → RunOptions
    RunOptions.create_config(…)                  → the body of POST /containers/create
    RunOptions.docker_command(…)                 → the same as a command for a shell

Read ``words`` (the line), ``table`` (every option), ``parse``, ``run_options``, then ``create`` and
``command``; ``values`` and ``paths`` hold what single values mean. The package is on the
path of %load_ext, so it imports nothing heavy.

Knows: options. Does not know: engines, docker-py, IPython.
"""

from __future__ import annotations

from .manual import help_text
from .parse import parse
from .paths import EngineTraits
from .run_options import RunOptions
from .table import OPTIONS, Option
from .words import expand, split

__all__ = [
    "OPTIONS",
    "EngineTraits",
    "Option",
    "RunOptions",
    "expand",
    "help_text",
    "parse",
    "split",
]
