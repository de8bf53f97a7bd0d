"""One use of %docker, from its line to its value.

Where the value is used, as in ``ids = %docker ps -q``, nothing is printed and all output is
the value. Where it is dropped, as on a line that is not a cell's last, it is shown at once. So
each line of a cell shows what it would show in a terminal.

Knows: the notebook's variables and streams. Does not know: verbs, HTTP.
"""

from __future__ import annotations

import dis
import re
import sys
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from ipycontainers import commands, display, options, streams, watchdog
from ipycontainers.commands import Console, Lines, Listing, Result, Text
from ipycontainers.errors import CommandFailed, ContainerError, EngineUnavailable, Invalid

from .progress import pull_progress
from .run import interrupted, notebook_file, standard_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from ipycontainers.client import PullProgress

    from .container import ContainerMagics

INTERRUPTED = 130
REFUSED = 125
LARGEST = 256 << 20  # characters of output that a variable may hold
# Words of a shell: $(docker ps -q), |, >file, && …
SHELL = re.compile(r"\$\(|`|[|<>;&]+$|[<>][^=]")
NO_SHELL = "a line of %docker goes to no shell: `ids = %docker ps -q`, then %docker rm {ids}"
LAST, DROPPED, USED = "last", "dropped", "used"


class CommandRun:
    """``variables`` are what ``{name}`` in the line may mean."""

    def __init__(self, magics: ContainerMagics, variables: dict[str, Any]) -> None:
        self._magics = magics
        self._variables = variables
        self._collected: list[str] = []
        self._length = 0
        self._use = _use()
        self._shown = display.Interleaved(notebook_file)
        self._handle: Any = None  # of what is renewed

    def run(self, line: str) -> Result | None:
        """The value of the magic. Raises ContainerError, CommandFailed being a verb's own."""
        names = self._magics.shell.user_ns
        try:
            result = self._result(line)
            names["_exit_code"] = 0
            return self._given(result)
        except EngineUnavailable:
            self._magics.forget()
            raise
        except ContainerError as error:
            names["_exit_code"] = getattr(error, "exit_code", None) or REFUSED
            error.hint = error.hint or _shell_hint(line)
            self._show(self._collected)
            raise
        except KeyboardInterrupt as error:
            names["_exit_code"] = INTERRUPTED
            self._show(self._collected)
            raise interrupted(error) from None

    def _result(self, line: str) -> Result | None:
        words = options.expand(options.split(line), self._variables, spread=True)
        try:
            call = commands.parse(words)
        except commands.Help as asked:
            return Text(commands.help_text(asked.typed, asked.verb))
        console = Console(
            self._magics.connect(),
            self._collect if self._use == USED else partial(self._shown, streams.STDOUT),
            partial(self._shown, streams.STDERR),
            self._magics.folder,
            read=lambda name: standard_input(name, self._variables, self._magics.folder),
            pulling=partial(self._moving, "Pulling"),
            pushing=partial(self._moving, "Pushing"),
            labels=watchdog.labels(self._magics.notebook),
            collects=self._use == USED,
            renew=None if self._use == USED else self._renew,
        )
        return call.verb.handler()(call, console)

    def _renew(self, result: Lines | Listing) -> None:
        """One table on the page, which changes."""
        from IPython.display import display

        if self._handle is None:
            self._handle = display(result, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(result)

    def _moving(
        self, doing: str, image: str
    ) -> AbstractContextManager[Callable[[PullProgress], None] | None]:
        return pull_progress(self._magics.shell, image, alone=False, doing=doing)

    def _collect(self, text: str) -> None:
        self._length += len(text)
        if self._length > LARGEST:
            raise CommandFailed(
                f"the output is larger than {LARGEST >> 20} MB",
                "without a variable before it, it is shown as it comes",
                exit_code=1,
            )
        self._collected.append(text)

    def _show(self, texts: Iterable[str]) -> None:
        """What nobody takes, or a variable was to have of a verb that failed; no more of it than
        of any cell."""
        shown = display.Display(self._shown)
        for text in texts:
            shown.feed(streams.STDOUT, text.encode("utf-8", "surrogateescape"))
        shown.close()

    def _given(self, result: Result | None) -> Result | None:
        if self._use == USED:
            return Lines.of("".join(self._collected)) if result is None else result
        if self._use == LAST or result is None:
            return result
        if isinstance(result, Listing):
            from IPython.display import display

            display(result)  # type: ignore[no-untyped-call]
        else:
            self._show([result.text])
        return None


def _shell_hint(line: str) -> str:
    """What to do instead, of a line that failed and was written for a shell."""
    try:
        return NO_SHELL if any(map(SHELL.match, options.split(line))) else ""
    except Invalid:
        return ""


def _use() -> str:
    """What the code that calls the magic does with its value: of a cell's last line IPython
    shows it, of another it is dropped, and else it is used."""
    frame = _caller()
    if frame is None:
        return LAST
    code = dis.get_instructions(frame.f_code)
    following = next((it for it in code if it.offset > frame.f_lasti), None)
    if following is None:
        return USED
    if following.opname == "POP_TOP":
        return DROPPED
    shows = following.opname == "PRINT_EXPR" or following.argrepr == "INTRINSIC_PRINT"
    return LAST if shows else USED


def _caller() -> FrameType | None:
    """The frame of the code that the magic stands in."""
    frame: FrameType | None = sys._getframe()
    while frame and frame.f_code.co_name != "run_line_magic":
        frame = frame.f_back
    while frame and frame.f_code.co_name == "run_line_magic":
        frame = frame.f_back
    return frame
