"""What `%%container?` shows, written from the table.

Knows: the layout of the text. Does not know: IPython.
"""

from __future__ import annotations

from collections.abc import Sequence

from .table import OPTIONS, Option

_COLUMN = 33
_HEAD = """\
%%container OPTIONS IMAGE [INTERPRETER …]
    run the cell in a fresh container, which is removed when the cell ends
%container OPTIONS IMAGE [COMMAND …]
    run a command, or the image's own
%%container -s NAME [OPTIONS IMAGE [INTERPRETER …]]
    run the cell in a session: a container that stays, whose shell or Python remembers
%container sessions
%container stop|restart|logs|inspect NAME
%container commit NAME IMAGE
    list the sessions, end one, begin it afresh, show what came late, …

    %%container python:3.13-slim              the cell is Python, in a new environment
    %%container --here -m 256m alpine         the cell is a shell script in your folder
    %%container -e WHO={name} debian bash -e  with a Python value and bash's own option
    %%container -i table,n=5 -o total python  with values, and one that comes back

What interprets the cell: the words after IMAGE; else the cell's #! line; else the image's
own default command when that is a known interpreter (a python image takes Python, node
JavaScript, debian bash, alpine sh, r-base R, julia Julia); else /bin/sh.

In the line {name} and {expression} become Python values; $name, {{…}} and the body stay
as typed. A word with blanks or quotes in it needs quotes around it, as in a shell.
Relative paths mean the notebook's folder, ~ your home. What docker run has too means the
same here, but for -i: there it is a terminal's input, here a value's name.

A session is opened by its first cell, with options and an image; -s NAME alone goes on
with it. In Python a value arrives as itself; in a shell as an exported variable, or as a
file in /.ipycontainers/values, and the variable is its path.
"""


def help_text() -> str:
    """The manual, at most 90 columns wide."""
    return written(_HEAD, OPTIONS)


def written(head: str, options: Sequence[Option]) -> str:
    """``head``, and the options below the titles of their sections."""
    parts = [head]
    section = ""
    for option in options:
        if option.section != section:
            section = option.section
            parts.append(f"\n{section}\n")
        parts.append(_line(option))
    return "".join(parts)


def _line(option: Option) -> str:
    names = ", ".join(option.names)
    indent = "  " if len(option.names[0]) == 2 else "      "
    left = f"{indent}{names} {option.metavar}".rstrip()
    if len(left) > _COLUMN - 2:
        return f"{left}\n{'':{_COLUMN}}{option.help}\n"
    return f"{left:{_COLUMN}}{option.help}\n"
