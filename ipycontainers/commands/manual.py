"""What ``%docker?``, ``%docker --help`` and ``%docker VERB --help`` show, written from the table.

Knows: the layout of docker's help. Does not know: how a verb works.
"""

from __future__ import annotations

from collections.abc import Sequence

from .table import GROUPS, VERBS
from .verb import Flag, Verb

_HEAD = """\
%docker VERB [OPTIONS] …
    the docker command's verbs, without its program, on the engine of this notebook

    %docker ps -a                                     docker's own flags, columns and messages
    ids = %docker ps -q                               a list; %docker stop {ids} stops all
    %docker inspect -f '{{.State.Status}}' {name}     {name} is a Python value, {{…}} a template
    %docker VERB --help                               the flags of one verb

A verb that fails fails the cell with docker's message; _exit_code has its status.
"""


def help_text(typed: str = "", verb: Verb | None = None) -> str:
    """On everything, on a group, or on the verb, which was typed so."""
    if verb:
        return _of_verb(verb, typed)
    if typed:
        return _of_group(typed)
    groups = "".join(_line(name, text) for name, text in GROUPS.items())
    verbs = sorted((_short(one), one.help) for one in VERBS if _short(one))
    commands = "".join(_line(name, text) for name, text in verbs)
    return f"{_HEAD}\nManagement Commands:\n{groups}\nCommands:\n{commands}"


def _short(verb: Verb) -> str:
    """The name without a group, or ""."""
    return next((name for name in verb.names if " " not in name), "")


def _line(name: str, text: str) -> str:
    return f"  {name:<11} {text}\n"


def _of_group(group: str) -> str:
    rows = sorted(
        (one.name.partition(" ")[2], one.help.partition(". ")[0])
        for one in VERBS
        if one.name.startswith(f"{group} ")
    )
    commands = "".join(_line(name, text) for name, text in rows)
    return (
        f"\nUsage:  docker {group} COMMAND\n\n{GROUPS[group]}\n\nCommands:\n{commands}"
        f"\nRun 'docker {group} COMMAND --help' for more information on a command.\n"
    )


def _of_verb(verb: Verb, typed: str) -> str:
    text = f"\nUsage:  docker {typed} {verb.usage}".rstrip() + f"\n\n{verb.help}\n"
    if aliases := _aliases(verb, typed):
        text += f"\nAliases:\n  {', '.join(aliases)}\n"
    return f"{text}\nOptions:\n{options(verb.flags)}" if verb.flags else text


def _aliases(verb: Verb, typed: str) -> list[str]:
    """Of a verb of a group, its other names there, as docker lists them."""
    group, blank, _ = typed.rpartition(" ")
    if not blank:
        return []
    names = [name.rpartition(" ")[2] for name in verb.names if name.startswith(f"{group} ")]
    return names if len(names) > 1 else []


def options(flags: Sequence[Flag]) -> str:
    """The lines of flags in docker's layout, by their long names."""
    rows = [(_left(one), _right(one)) for one in sorted(flags, key=lambda one: one.name)]
    width = max((len(left) for left, _ in rows), default=0) + 3
    indent = "\n" + " " * width
    return "".join(f"{left:<{width}}{right}\n".replace("\n ", indent) for left, right in rows)


def _left(flag: Flag) -> str:
    names = ", ".join(flag.names)
    indent = "  " if len(flag.names[0]) == 2 else "      "
    return f"{indent}{names} {flag.type}".rstrip()


def _right(flag: Flag) -> str:
    if not flag.default:
        return flag.help
    default = f'"{flag.default}"' if flag.type == "string" else flag.default
    return f"{flag.help} (default {default})"
