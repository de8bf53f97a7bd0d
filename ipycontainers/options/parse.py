"""Words → RunOptions, by the rules of docker run's own parser.

``-e A=1``, ``-eA=1``, ``-e=A=1``, ``--env A=1`` and ``--env=A=1`` are the same; short flags
combine, ``-dP``; a flag takes ``=false``; ``--`` ends the options; the first other word is
the image, and all behind it is the command. Nothing is abbreviated. A RunOptions that
exists is valid as far as can be known without a folder and an engine.

Knows: the syntax of options, which of them exclude each other. Does not know: what
becomes of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ipycontainers.errors import Invalid

from . import values
from .run_options import RunOptions
from .table import BY_NAME, OPTIONS, Option
from .words import as_typed, behind, check_text

_LIST = "%%container? lists the options"
_INTERACTIVE = (
    "{} has no meaning in a notebook: the cell's body is the program's input, "
    "--stdin NAME_OR_FILE gives it another, -t alone a terminal"
)
_NO_VALUE = (
    "-i wants the name of a value and an image after it; the program's input is the cell's "
    "body, --stdin NAME_OR_FILE gives it another"
)
_NOT_OURS = """
    -a --attach --blkio-weight --blkio-weight-device -c --cpu-shares --cgroup-parent --cidfile
    --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --cpuset-mems --detach-keys
    --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps
    --device-write-iops --disable-content-trust --domainname --expose --health-cmd
    --health-interval --health-retries --health-start-period --health-timeout --ip --ip6
    --isolation --kernel-memory --link --link-local-ip --log-driver --log-opt --mac-address
    --memory-reservation --memory-swappiness --no-healthcheck --oom-kill-disable
    --oom-score-adj -q --quiet --restart --runtime --sig-proxy --storage-opt --use-api-socket
    --volume-driver --volumes-from
"""


def parse(words: Sequence[str]) -> RunOptions:
    """The RunOptions of a line's words. Raises Invalid, in one sentence with a hint.

    Words out of ``expand`` keep what was typed for them, here and in the result.
    """
    given: list[tuple[Option, str | bool]] = []
    rest = list(words)
    while rest and len(rest[0]) > 1 and rest[0][0] == "-":
        word = rest.pop(0)
        if word == "--":
            break
        _refuse_special(word, rest, lasts=any(option.name == "session" for option, _ in given))
        found = _long(word, rest) if word[1] == "-" else _short(word, rest)
        for option, value in found:
            _check(option, value)
        given += found
    lasts = any(option.name == "session" for option, _ in given)
    if not (rest and rest[0]) and not lasts:
        raise Invalid(
            "there is no image", "%%container OPTIONS IMAGE, for example: %%container -e A=1 alpine"
        )
    rest = rest or [""]
    check_text(rest[0], "the name of the image")
    for number, word in enumerate(rest[1:], 1):
        check_text(word, f"word {number} behind the image")
    options = RunOptions(rest[0], tuple(rest[1:]), tuple(given))
    _refuse_contradictions(options)
    return options


def _long(word: str, rest: list[str]) -> list[tuple[Option, str | bool]]:
    name, equals, value = word.partition("=")
    option = _find(name)
    if option.metavar:
        return [
            (option, behind(word, len(name) + 1) if equals else _next(name, option, rest)),
        ]
    return [(option, _flag(name, value) if equals else True)]


def _short(word: str, rest: list[str]) -> list[tuple[Option, str | bool]]:
    found: list[tuple[Option, str | bool]] = []
    letters = behind(word, 1)
    while letters:
        name, letters = "-" + letters[0], behind(letters, 1)
        option = _find(name, word)
        if option.metavar:
            # -e=A is A, but -e= is "=": Docker's parser looks for something behind the sign.
            value = behind(letters, 1) if letters[:1] == "=" and letters[1:] else letters
            return [*found, (option, value or _next(name, option, rest))]
        if letters[:1] == "=" and letters[1:]:
            return [*found, (option, _flag(name, letters[1:]))]
        found.append((option, True))
    return found


def _next(name: str, option: Option, rest: list[str]) -> str:
    if not rest:
        raise Invalid(f"{name} wants a value, {option.metavar}", _hint(name, option))
    return rest.pop(0)


def _flag(name: str, value: str) -> bool:
    try:
        return values.boolean(value)
    except ValueError as err:
        raise Invalid(f"{name}={value}: {err}", f"{name} alone, or {name}=false") from None


def _find(name: str, word: str = "") -> Option:
    if name in BY_NAME:
        return BY_NAME[name]
    # Without what stands behind =, which may be a secret.
    within = f" in {as_typed(word, _before_value(word))}" if word not in ("", name) else ""
    if name in _NOT_OURS.split():
        raise Invalid(
            f"{name}{within} is an option of docker run that %%container does not take", _LIST
        )
    from difflib import get_close_matches

    close = get_close_matches(name, BY_NAME, 1, 0.5) if len(name) > 2 else []
    raise Invalid(
        f"there is no option {name}{within}",
        f"did you mean {close[0]}? {_LIST}" if close else _LIST,
    )


def _hint(name: str, option: Option) -> str:
    return f"for example: {name} {option.example}"


def _before_value(word: str) -> int:
    at = word.find("=")
    return len(word) if at < 0 else at


def _quoted(option: Option, value: str) -> str:
    """A wrong value as an error shows it: of NAME=VALUE the name, since values are secrets."""
    if "VALUE" not in option.metavar or "=" not in value:
        return as_typed(value) if option.name == "env" else value
    return as_typed(value, _before_value(value)) + "=…"


def _check(option: Option, value: str | bool) -> None:
    if isinstance(value, bool):
        return
    name = option.names[-1] if len(option.names[0]) == 2 else option.names[0]
    check_text(value, name)
    try:
        if option.choices and value not in option.choices:
            raise ValueError("one of " + ", ".join(option.choices) + " is meant")
        option.read(value)
    except ValueError as err:
        raise Invalid(f"{name} {_quoted(option, value)}: {err}", _hint(name, option)) from None


def _refuse_special(word: str, rest: Sequence[str], *, lasts: bool) -> None:
    name = word.partition("=")[0]
    if name == "--help":
        raise Invalid("there is no option --help", _LIST)
    if "-" + name in BY_NAME and len(name) > 2:  # to Docker -env is -e nv, to nobody else
        raise Invalid(f"there is no option {name}", f"did you mean -{name}? {_LIST}")
    letters = name[1:] if not name.startswith("--") else ""
    interactive = name == "--interactive" or (
        set(letters) <= set("itdP") and "i" in letters and len(letters) > 1
    )
    # -i NAME IMAGE passes a value; -i IMAGE is a habit from docker run.
    if interactive:
        raise Invalid(_INTERACTIVE.format(name))
    if word == "-i" and not _is_value(rest, lasts=lasts):
        raise Invalid(_NO_VALUE, "-i NAME IMAGE, or -i NAME=EXPRESSION IMAGE")


def _is_value(rest: Sequence[str], *, lasts: bool) -> bool:
    """Whether NAME of ``-i NAME`` comes next, and after it an image or a known session."""
    word = rest[0] if rest else ""
    try:
        values.inputs(word)
    except ValueError:
        if not set(word) & set(",=()[]*"):  # no image has one of these
            return False
    return lasts or bool(rest[1:])


_CONTRADICTIONS = (
    ("keep", "rm", "--keep and --rm contradict each other"),
    ("detach", "timeout", "-d returns at once and nobody waits, so --timeout ends nothing"),
    ("detach", "stdin", "-d returns at once, so nobody gives the program the input of --stdin"),
    ("detach", "out", "-d returns at once, so there is no output for --out"),
    ("detach", "err", "-d returns at once, so there is no output for --err"),
    ("detach", "diff", "-d returns at once, before there is a difference for --diff"),
    ("detach", "bg", "-d and --bg are two ways to return at once: choose one"),
    ("bg", "diff", "--bg returns at once, before there is a difference for --diff"),
    ("session", "bg", "a session runs one cell at a time, so there is no --bg"),
    ("session", "detach", "a session runs on by itself, so there is no -d"),
    ("session", "stdin", "the input of a session is its cells, so there is none for --stdin"),
    ("session", "tty", "a session has no terminal, so there is no -t"),
    ("session", "diff", "--diff is of one cell's own container; a session's is its own"),
    ("detach", "output", "-d returns at once, so there are no values for -o"),
    ("bg", "output", "--bg returns at once, so there are no values for -o"),
    ("tty", "err", "-t gives one terminal for output and errors, so there is nothing for --err"),
    ("tty", "stdin", "-t makes the terminal the input, so there is no way in for --stdin"),
)


def _refuse_contradictions(options: RunOptions) -> None:
    on = {option.name for option, value in options.given if value is not False}
    on -= {name for name in on if options.last(name) == "False"}
    for one, other, sentence in _CONTRADICTIONS:
        if one in on and other in on:
            raise Invalid(sentence, "leave one of them out")
    if "proc" in on and "bg" not in on:
        raise Invalid(
            "--proc is the program that runs in the background, so it needs --bg",
            "add --bg, or leave --proc out",
        )
    if "trust" in on and "session" not in on:
        raise Invalid(
            "--trust is for the HTML of a Python session, and this cell is in none",
            "add -s NAME, or leave --trust out",
        )
    if "network-alias" in on and "network" not in on:
        raise Invalid(
            "--network-alias is a name in a network, so it needs --network NAME",
            "for example: --network lab --network-alias db",
        )


__all__ = ["OPTIONS", "RunOptions", "parse"]
