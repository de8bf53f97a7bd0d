"""Tab in the lines of %%container, %%dockerfile and %docker: options, images, containers, verbs …

``candidates`` is pure: it takes the line up to the cursor and says what may stand
there. ``Names`` knows what the engine has: it asks in a thread of its own and
answers Tab with what it knows by then, so a slow or dead engine costs nothing.
``install`` gives both to IPython, through its matcher API (8.6 and later) or the
``complete_command`` hook (7.34, Colab's).

Knows: the option table, IPython's completer. Does not know: how options work.
"""

from __future__ import annotations

import contextlib
import keyword
import re
import threading
import time
from typing import TYPE_CHECKING, Any

from .container import SESSION_VERBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.client import Connection
    from ipycontainers.options import Option

INTERPRETERS = ("sh", "bash", "python3", "node", "perl", "ruby", "R", "julia")
IDENTIFIER = "ipycontainers"
MAGICS = ("%%container", "%container", "%docker", "%%dockerfile")
ASSIGNED = re.compile(r"^[\w.,\[\] ]+=\s*(?=%docker )")  # ids = %docker ps -q

# Tab answers within this many seconds, with or without the engine.
PATIENCE = 0.07
FRESH = 5.0


class Names:
    """What images, containers and networks the engine has, as of a few seconds ago, and what
    sessions this kernel has."""

    def __init__(
        self, connect: Callable[[], Connection], sessions: Callable[[], Sequence[str]]
    ) -> None:
        self._connect = connect
        self._sessions = sessions
        self._known: Mapping[str, Sequence[str]] = {}
        self._asked = 0.0
        self._since = 0.0
        self._asking: threading.Thread | None = None

    def __call__(self, kind: str) -> Sequence[str]:
        """Names of a kind ("image", "container", "network", "volume", "session"), after at most
        ``PATIENCE``."""
        if kind == "session":
            return self._sessions()
        if time.monotonic() - self._asked > FRESH:
            if self._asking is None or not self._asking.is_alive():
                self._since = time.monotonic()
                self._asking = threading.Thread(
                    target=self._ask, name="ipycontainers-names", daemon=True
                )
                self._asking.start()
            # One Tab may ask for several kinds; all of them together wait this long.
            self._asking.join(max(0.0, self._since + PATIENCE - time.monotonic()))
        return self._known.get(kind, ())

    def _ask(self) -> None:
        # No engine, no names; the cell itself will say what is wrong.
        with contextlib.suppress(Exception):
            connection = self._connect()
            self._known = {
                "image": [_short(name) for name in connection.list_images()],
                "container": _names_of(connection.list_containers()),
                "network": connection.list_networks(),
                "volume": connection.list_volumes(),
            }
        self._asked = time.monotonic()


def _short(image: str) -> str:
    """Podman gives the long form of names that are usually typed without it."""
    for registry in ("docker.io/library/", "docker.io/", "localhost/"):
        image = image.removeprefix(registry)
    return image


def _names_of(containers: Sequence[Mapping[str, Any]]) -> list[str]:
    return [name.lstrip("/") for one in containers for name in one.get("Names") or ()]


def candidates(
    line: str, names: Callable[[str], Sequence[str]], variables: Iterable[str] = ()
) -> list[str] | None:
    """Words that may stand where ``line`` ends; None where others know better (paths).

    ``line`` begins with the magic's name. A candidate replaces the whole last word,
    that is all after the last blank.
    """
    *before, word = line.split(" ")
    if before[0] == "%docker":
        from ipycontainers.commands import completion

        return completion.candidates(line, names)
    is_build = before[0] == "%%dockerfile"
    table = _table(is_build=is_build)
    if before[0] == "%container" and len(before) == 2 and before[1] in SESSION_VERBS[1:]:
        return list(names("session"))
    option, image = _position(table, [one for one in before[1:] if one])
    if option:
        return _values(option, names, variables)
    if image:
        return list(INTERPRETERS) if before[0] == "%%container" else []
    if word.startswith("-"):
        name, equals, _ = word.partition("=")
        found = next((one for one in table if name in one.names), None)
        if equals and found:
            known = _values(found, names, variables)
            return None if known is None else [f"{name}={value}" for value in known]
        return [name for one in table for name in one.names if name.startswith("--")]
    if is_build:
        return []
    verbs = [*SESSION_VERBS] if before == ["%container"] else []
    return [*names("image"), *verbs]


def _table(*, is_build: bool) -> Sequence[Option]:
    if is_build:
        from ipycontainers.building.options import OPTIONS as BUILD

        return BUILD
    from ipycontainers.options import OPTIONS

    return OPTIONS


def _position(options: Sequence[Option], words: Sequence[str]) -> tuple[Option | None, bool]:
    """After these words: the option whose value comes next, and whether the image is there."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            return None, True
        option = next((one for one in options if word in one.names), None)
        if option and option.metavar:
            if not rest:
                return option, False
            rest.pop(0)
    return None, False


def _values(
    option: Option, names: Callable[[str], Sequence[str]], variables: Iterable[str]
) -> list[str] | None:
    if option.choices:
        return list(option.choices)
    if option.kind == "path":
        return None
    if option.kind == "variable":
        return [one for one in variables if not one.startswith("_") and not keyword.iskeyword(one)]
    if option.name in ("pid", "ipc"):
        return ["host", *(f"container:{one}" for one in names("container"))]
    if option.kind == "network":
        containers = [f"container:{one}" for one in names("container")]
        return [*names("network"), *containers]
    return list(names(option.kind)) if option.kind else []


def _matches(line: str, token: str, found: Sequence[str]) -> list[str]:
    """What replaces ``token``, the completer's part of the last word (it splits at ":" too)."""
    word = line.rsplit(" ", 1)[-1]
    if not word.endswith(token):
        return []
    kept = len(word) - len(token)
    return sorted({one[kept:] for one in found if one.startswith(word) and one != word})


def install(
    shell: InteractiveShell,
    connect: Callable[[], Connection],
    sessions: Callable[[], Sequence[str]],
) -> None:
    """Give IPython's completer the lines of the magics; ``connect`` is called by a thread."""
    from IPython.core import completer as ipython

    completer = _Completer(shell, Names(connect, sessions))
    if not hasattr(ipython, "context_matcher"):
        for magic in MAGICS:
            shell.set_hook(  # type: ignore[no-untyped-call]
                "complete_command", completer.hook, str_key=magic
            )
        return

    @ipython.context_matcher(identifier=IDENTIFIER)  # type: ignore[untyped-decorator]
    def matcher(context: Any) -> dict[str, Any]:
        return completer.matcher(context)

    shell.Completer.custom_matchers.append(matcher)


def uninstall(shell: InteractiveShell) -> None:
    """Take it back, so that what is loaded next asks the engine of its own time."""
    if hooks := shell.strdispatchers.get("complete_command"):
        for magic in MAGICS:
            hooks.strs.pop(magic, None)
    matchers = getattr(shell.Completer, "custom_matchers", [])
    matchers[:] = [one for one in matchers if getattr(one, "matcher_identifier", "") != IDENTIFIER]


class _Completer:
    """The two ways in which IPython asks."""

    def __init__(self, shell: InteractiveShell, names: Names) -> None:
        self._shell = shell
        self._names = names

    def matcher(self, context: Any) -> dict[str, Any]:
        """IPython's matcher API, version 2; called for each Tab."""
        from IPython.core.completer import SimpleCompletion

        line = ASSIGNED.sub("", context.text_until_cursor.lstrip())
        is_first = context.cursor_line == 0 or not line.startswith("%%")
        found = self._found(line) if is_first else None
        if found is None:
            return {"completions": [], "suppress": False}
        matches = _matches(line, context.token, found)
        return {
            "completions": [SimpleCompletion(one, type="param") for one in matches],
            "matched_fragment": context.token,
            "suppress": True,
        }

    def hook(self, _shell: object, event: Any) -> list[str]:
        """IPython's ``complete_command`` hook; called for lines that begin with the magic."""
        line = event.line.lstrip()
        found = self._found(line)
        return _matches(line, event.symbol, found) if found else []

    def _found(self, line: str) -> list[str] | None:
        if not line.startswith(tuple(f"{magic} " for magic in MAGICS)):
            return None
        # Without those of IPython itself, such as In and get_ipython.
        hidden = self._shell.user_ns_hidden
        variables = [
            name
            for name, value in self._shell.user_ns.items()
            if name not in hidden or hidden[name] is not value
        ]
        return candidates(line, self._names, variables)
