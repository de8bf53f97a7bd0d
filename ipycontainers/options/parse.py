"""Words → RunOptions, by the rules of docker run's own parser.

``--`` ends the options; the first other word is the image, and all behind it is the command.
How options are written is in ``flags``. A RunOptions that exists is valid as far as can be known
without a folder and an engine.

Knows: which options exclude each other. Does not know: what becomes of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ipycontainers.errors import Invalid

from . import values
from .flags import Flags
from .run_options import RunOptions
from .table import BY_NAME, OPTIONS, Option
from .words import check_text

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
_FLAGS = Flags(BY_NAME, "%%container", "docker run", frozenset(_NOT_OURS.split()))


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
        given += _FLAGS.take(word, rest)
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
