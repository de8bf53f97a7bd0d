"""What ``ps`` would print of processes: titles and rows.

    titles, rows = table(found, "aux")

dockerd runs the host's ps and picks its lines; here is none needed, and what it prints
besides -ef, aux and -o COLUMN,… is refused.

Knows: ps(1)'s columns. Does not know: containers.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Sequence

from ipycontainers.errors import EngineError, Invalid

from .processes import Process

FULL = (*("user", "pid", "ppid", "c", "stime", "tty", "time", "cmd"),)
BSD = ("user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start_time", "bsdtime", "args")
FULL_TITLES = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
BSD_TITLES = (
    *("USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"),
)


def table(found: Sequence[Process], ps_args: str) -> tuple[list[str], list[list[str]]]:
    """Raises Invalid for what only a real ps knows, EngineError without a column of pids."""
    names, titles = _asked(shlex.split(ps_args or "-ef"))
    if "PID" not in titles:
        raise EngineError("Couldn't find PID field in ps output")
    return list(titles), [[COLUMNS[name][1](it) for name in names] for it in found]


def _asked(words: list[str]) -> tuple[Sequence[str], Sequence[str]]:
    joined = "".join(word.lstrip("-") for word in words)
    if words and set(joined) <= set("eAfw") and "f" in joined:
        return FULL, FULL_TITLES
    if words and set(joined) <= set("auxw") and {"u", "x"} <= set(joined):
        return BSD, BSD_TITLES
    names: list[str] = []
    waits = False
    for word in words:
        option = word.lstrip("-")
        if waits:
            names += option.replace(",", " ").split()
            waits = False
        elif option in ("o", "eo", "Ao", "axo", "format"):
            waits = True
        elif option.startswith("o"):
            names += option[1:].replace(",", " ").split()
        elif option not in ("e", "A", "ax"):
            raise Invalid(f"ps: this engine knows -ef, aux and -o COLUMN,…, not {word}")
    if unknown := [name for name in names if name not in COLUMNS]:
        known = " ".join(sorted(COLUMNS))
        raise Invalid(f"ps: this engine knows no column {unknown[0]}, but {known}")
    if not names:
        raise Invalid("ps: this engine knows -ef, aux and -o COLUMN,…")
    return names, [COLUMNS[name][0] for name in names]


# --- columns -------------------------------------------------------------------------------------


def _user(it: Process) -> str:
    import pwd  # not needed by an engine that nobody asks

    try:
        name = pwd.getpwuid(it.uid).pw_name
    except KeyError:
        return str(it.uid)
    return name if len(name) <= 8 else f"{name[:7]}+"


def _command(it: Process) -> str:
    return " ".join(it.args) if it.args else f"[{it.name}]{' <defunct>' * (it.state == 'Z')}"


def _terminal(it: Process) -> str:
    major, minor = (it.terminal >> 8) & 0xFFF, (it.terminal & 0xFF) | ((it.terminal >> 12) & ~0xFF)
    if 136 <= major < 144:
        return f"pts/{(major - 136) * 256 + minor}"
    return {4: f"tty{minor}", 5: "console"}.get(major, "?") if it.terminal else "?"


def _used(it: Process) -> float:
    """Percent of one processor since it began."""
    return 100 * (it.user + it.system) / max(time.time() - it.started, 0.01)


def _time(it: Process) -> str:
    seconds = int(it.user + it.system)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _short_time(it: Process) -> str:
    seconds = int(it.user + it.system)
    return f"{seconds // 60}:{seconds % 60:02}"


def _start(it: Process) -> str:
    age = time.time() - it.started
    form = "%H:%M" if age < 86400 else "%b%d" if age < 365 * 86400 else "%Y"
    return time.strftime(form, time.localtime(it.started))


def _elapsed(it: Process) -> str:
    seconds = max(int(time.time() - it.started), 0)
    days, hours = seconds // 86400, seconds // 3600 % 24
    rest = f"{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days}-{hours:02}:{rest}" if days else f"{hours:02}:{rest}" if hours else rest


def _state(it: Process) -> str:
    marks = (
        ("<", it.nice < 0),
        ("N", it.nice > 0),
        ("s", it.session == it.pid),
        ("l", it.threads > 1),
        ("+", it.foreground == it.group),
    )
    return it.state + "".join(mark for mark, is_so in marks if is_so)


def _memory(it: Process) -> str:
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{100 * it.resident / whole:.1f}"


COLUMNS: dict[str, tuple[str, Callable[[Process], str]]] = {
    "pid": ("PID", lambda it: str(it.pid)),
    "ppid": ("PPID", lambda it: str(it.parent)),
    "pgid": ("PGID", lambda it: str(it.group)),
    "sid": ("SID", lambda it: str(it.session)),
    "user": ("USER", _user),
    "uid": ("UID", lambda it: str(it.uid)),
    "comm": ("COMMAND", lambda it: it.name),
    "cmd": ("CMD", _command),
    "args": ("COMMAND", _command),
    "command": ("COMMAND", _command),
    "c": ("C", lambda it: str(min(int(_used(it)), 99))),
    "%cpu": ("%CPU", lambda it: f"{_used(it):.1f}"),
    "pcpu": ("%CPU", lambda it: f"{_used(it):.1f}"),
    "%mem": ("%MEM", _memory),
    "pmem": ("%MEM", _memory),
    "vsz": ("VSZ", lambda it: str(it.size >> 10)),
    "rss": ("RSS", lambda it: str(it.resident >> 10)),
    "tty": ("TT", _terminal),
    "tt": ("TT", _terminal),
    "stat": ("STAT", _state),
    "state": ("S", lambda it: it.state),
    "s": ("S", lambda it: it.state),
    "ni": ("NI", lambda it: str(it.nice)),
    "nlwp": ("NLWP", lambda it: str(it.threads)),
    "time": ("TIME", _time),
    "bsdtime": ("TIME", _short_time),
    "start_time": ("START", _start),
    "stime": ("STIME", _start),
    "etime": ("ELAPSED", _elapsed),
}
