"""docs/cheatsheet.md, written from the table: python -m ipycontainers.commands.cheatsheet

Knows: Markdown. Does not know: how a verb works.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from .table import GROUPS, VERBS
from .verb import Flag, Verb

_HEAD = """\
# %docker: the verbs

Written from the table of verbs by `python -m ipycontainers.commands.cheatsheet`; a test compares
the two. Names, flags and sentences are the docker command's. In a line `{name}` is a Python
value, and of a list each of its items; `{{…}}` is a template of `--format`. `value = %docker …`
assigns what would be shown.
"""


def text() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _HEAD.rstrip()
    for group, sentence in (*GROUPS.items(), ("", "Everything")):
        verbs = [verb for verb in VERBS if _group(verb) == group and not verb.refused]
        if not verbs:
            continue
        yield f"\n## {sentence}\n"
        yield "| verb | does | flags |"
        yield "|---|---|---|"
        yield from map(_row, sorted(verbs, key=lambda verb: verb.name))
    yield "\n## --filter\n"
    yield from (f"- `{verb.name}`: {names}" for verb in VERBS if (names := _filters(verb)))
    refused = [verb for verb in VERBS if verb.refused]
    if refused:
        yield "\n## Refused\n"
        yield from (f"- `{verb.name}`: {verb.refused}" for verb in refused)


def _group(verb: Verb) -> str:
    return verb.name.rpartition(" ")[0]


def _row(verb: Verb) -> str:
    # Of cp docker tells two usages, in two lines.
    usages = f"{verb.name} {verb.usage}".strip().split("\n\tdocker ")
    names = [f"`{usage}`" for usage in usages]
    names += [f"`{name}`" for name in verb.aliases]
    flags = " ".join(map(_flag, sorted(verb.flags, key=lambda flag: flag.name)))
    return f"| {_cell(', '.join(names))} | {_cell(verb.help)} | {_cell(flags)} |"


def _filters(verb: Verb) -> str:
    rules = [rule for flag in verb.flags if flag.type == "filter" for rule in flag.offers.split()]
    return " ".join(f"`{rule.split('=')[0]}`" for rule in rules)


def _flag(flag: Flag) -> str:
    return f"`{', '.join(flag.names)}{f' {flag.type}' if flag.type else ''}`"


def _cell(content: str) -> str:
    return content.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(text())
