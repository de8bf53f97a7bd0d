"""``%%container -s NAME``: a cell in an interpreter that lives on, and the verbs on sessions.

Knows: the notebook's variables and streams, which module does what. Does not know: how
an interpreter is spoken to, docker-py.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ipycontainers import streams, watchdog
from ipycontainers.creation import Plan
from ipycontainers.errors import (
    CellFailed,
    CellTimedOut,
    ContainerError,
    EngineUnavailable,
    Invalid,
    shown_as,
)
from ipycontainers.sessions.kinds import Kind, of_words
from ipycontainers.sessions.session import Opening

from . import values
from .notebook import Notebook
from .run import CellRun, interrupted

if TYPE_CHECKING:
    from ipycontainers.sessions import Ended
    from ipycontainers.sessions.session import Book, Session

    from .container import ContainerMagics

# Options of one cell; all others are the session's, and fixed when it opens.
OF_A_CELL = frozenset(
    [
        "session",
        "input",
        "output",
        "output-limit",
        "timeout",
        "out",
        "err",
        "raise-error",
        "no-raise-error",
        "pull",
    ]
)


class SessionRun(CellRun):
    """One use of the magic with -s, from its parsed line to the cell's outcome."""

    def run(self) -> int:
        """As ``CellRun.run``; ``value`` is then what the cell's last expression showed."""
        try:
            self._values.pack()
            self._connection = self._magics.connect()
            session = self._session()
            if self._body is None:
                return 0
            return self._run_in(session)
        except KeyboardInterrupt as error:
            raise interrupted(error) from None
        except EngineUnavailable:
            raise
        except ContainerError as error:
            if isinstance(error, CellTimedOut):
                raise self._explained(error) from error
            raise

    # --- which session ---------------------------------------------------------------------

    def _session(self) -> Session:
        given, book = self._given, self._magics.sessions
        assert given.session
        found = book.find(given.session)
        asked = self._asked()
        if found is None:
            return self._opened(asked)
        if asked and (differences := found.opening.differences(asked)):
            raise Invalid(
                f"the session {given.session} is open with other options: {'; '.join(differences)}",
                f"%%container -s {given.session} alone goes on with it; "
                f"%container stop {given.session} ends it",
            )
        return found

    def _asked(self) -> dict[str, str]:
        given = self._given
        asked: dict[str, str] = {}
        for option, value in given.given:
            if option.name not in OF_A_CELL:
                name = f"--{option.name}"
                text = ("given" if value else "false") if isinstance(value, bool) else value
                repeated = option.repeats and name in asked
                asked[name] = f"{asked[name]} {text}" if repeated else text
        if given.image:
            asked["the image"] = given.image
        if given.command:
            asked["the interpreter"] = " ".join(given.command)
        return asked

    def _opened(self, asked: dict[str, str]) -> Session:
        given = self._given
        if not given.image:
            names = ", ".join(session.name for session in self._magics.sessions.all())
            raise Invalid(
                f"there is no session {given.session}, and no image to open one with",
                f"%%container -s {given.session} IMAGE"
                + (f"; there are: {names}" if names else ""),
            )
        try:
            self._traits = self._engine_traits()
            kind = of_words(
                self._words(), trust=given.flag("trust"), values=bool(given.inputs or given.outputs)
            )
            opening = Opening(
                given.session or "", self._lasting_plan(kind), kind.words, asked, kind.make
            )
            opened = self._magics.sessions.open(self._connection, opening, self._pulling)
        except ContainerError as error:
            raise self._explained(error) from error
        self._warn(*opened.warnings, *given.warnings(self._magics.folder))
        if note := kind.note:
            self._warn(note)
        return opened

    def _words(self) -> tuple[str, ...]:
        self._invocation(self._body or "", stdin_taken=False)
        assert self._interpreter
        return self._interpreter.words

    def _lasting_plan(self, kind: Kind) -> Plan:
        given = self._given
        config = given.create_config(
            entrypoint=kind.command[:1],
            command=kind.command[1:],
            folder=self._magics.folder,
            environ=os.environ,
            traits=self._traits,
            labels={
                **watchdog.labels(self._magics.notebook, keep=given.keep),
                watchdog.SESSION: given.session or "",
            },
            stdin=True,
            defaults=dict(kind.environment),
        )
        return Plan(
            config | {"StdinOnce": False},
            name=given.name,
            platform=given.platform,
            pull=given.pull,
            keep=given.keep,
            unenforced=given.flag("unenforced"),
        )

    # --- the cell --------------------------------------------------------------------------

    def _run_in(self, session: Session) -> int:
        given = self._given
        notebook = Notebook(self._magics.shell)
        output = self._output()
        deadline = None if given.timeout is None else time.monotonic() + given.timeout
        try:
            ended = session.run(
                self._body or "",
                output,
                notebook,
                values=self._values.packed,
                wanted=self._values.wanted,
                limit=self._values.limit,
                deadline=deadline,
            )
            if ended.traceback and not given.raise_error:  # nobody else shows it then
                text = "\n".join(ended.traceback) + "\n"
                output.feed(streams.Frame(streams.STDERR, text.encode("utf-8", "replace")))
        except (KeyboardInterrupt, CellTimedOut):
            self._tell_lost(session)
            raise
        finally:
            output.close()
            self._assign()
            self.value = notebook.value
        return self._finished(session, ended)

    def _tell_lost(self, session: Session) -> None:
        if session.lost:
            self._warn(f"session {session.name}: {session.lost}")

    def _finished(self, session: Session, ended: Ended) -> int:
        self._tell_lost(session)
        self._values.take(ended.values)
        if ended.exit_code and self._given.raise_error:
            raise _failure(session, ended, self._body or "")
        if not ended.exit_code:
            if session.lost:
                self._check_lost(ended)
            values.check(ended.unset, ended.refused, ended.advice)
        return ended.exit_code

    def _check_lost(self, ended: Ended) -> None:
        """Raises CellFailed for values that went with the interpreter that the cell ended."""
        lost = [name for name in self._values.wanted if name not in {*ended.values, *ended.refused}]
        if lost:
            raise CellFailed(
                f"-o {', '.join(lost)}: lost, since the cell has ended its own interpreter",
                "end it in a cell of its own, after the values have come",
                exit_code=1,
            )


def _failure(session: Session, ended: Ended, body: str) -> CellFailed:
    if ended.traceback:
        hint = _of_ipython(body) if ended.name == "SyntaxError" else ""
        error = CellFailed(f"{ended.name}: {ended.message}", hint, exit_code=ended.exit_code)
        lines = [*ended.traceback, *([f"  hint: {hint}"] if hint else [])]
        return shown_as(error, *lines)
    from ipycontainers import outcome

    memory = session.opening.asked.get("--memory", "")
    return outcome.failure(ended.exit_code, f"the session {session.name}", memory=memory)


def _of_ipython(body: str) -> str:
    """A hint where Python was given a line that only IPython understands."""
    asked = r"^[ \t]*(?:\?\??[ \t]*([\w.]+)|([\w.]+)[ \t]*\?\??)[ \t]*$"
    if found := re.search(asked, body, re.MULTILINE):
        name = found[1] or found[2]
        return f"? is IPython's, and a session's Python has none: help({name}) tells as much"
    found = re.search(r"^[ \t]*(?:[\w, ]+=[ \t]*)?(!!?|%%?)[ \t]*[\w./~]", body, re.MULTILINE)
    if not found:
        return ""
    return (
        f"{found[1]} is IPython's, and a session's Python has none: subprocess.run starts "
        "a program, and %%container -s NAME IMAGE sh is a session of a shell"
    )


# --- %container sessions, stop, … ----------------------------------------------------------


def verb(line: str) -> Callable[[ContainerMagics], None] | None:
    """What ``%container stop NAME`` asks for, or None where the line is no verb on sessions.

    Raises Invalid for a verb with too few or too many words.
    """
    name, *words = line.split() or [""]
    if name not in VERBS:
        return None
    do, *wanted = VERBS[name]
    if len(words) != len(wanted) or any(word.startswith("-") for word in words):
        raise Invalid(
            f"%container {name} takes {' and '.join(wanted) or 'no words'}",
            f"%container {' '.join([name, *wanted])}; an image of this name: %container -- {name}",
        )
    return lambda magics: do(magics, *words)


def _list(magics: ContainerMagics) -> None:
    print(_table(magics.sessions))


def _table(book: Book) -> str:
    rows = [("SESSION", "IMAGE", "PROGRAM", "CELLS", "STATUS")]
    rows += [
        (
            session.name,
            session.opening.plan.image,
            " ".join(session.opening.words),
            str(session.cells),
            session.status,
        )
        for session in book.all()
    ]
    if len(rows) == 1:
        return "no session is open; %%container -s NAME IMAGE opens one"
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _stop(magics: ContainerMagics, name: str) -> None:
    session = magics.sessions.get(name)
    magics.sessions.stop(name)
    if session.opening.plan.keep:
        print(f"its container {session.container_id[:12]} is kept: docker rm -f removes it")


def _restart(magics: ContainerMagics, name: str) -> None:
    magics.sessions.restart(name)


def _logs(magics: ContainerMagics, name: str) -> None:
    sys.stdout.write(magics.sessions.get(name).log.decode(errors="replace"))


def _inspect(magics: ContainerMagics, name: str) -> None:
    session = magics.sessions.get(name)
    print(json.dumps(magics.connect().inspect(session.container_id), indent=2))


def _commit(magics: ContainerMagics, name: str, image: str) -> None:
    session = magics.sessions.get(name)
    print(magics.connect().commit(session.container_id, image))


# The words behind it, as an error names them.
VERBS: Mapping[str, tuple[Any, ...]] = {
    "sessions": (_list,),
    "stop": (_stop, "NAME"),
    "restart": (_restart, "NAME"),
    "logs": (_logs, "NAME"),
    "inspect": (_inspect, "NAME"),
    "commit": (_commit, "NAME", "IMAGE"),
}
