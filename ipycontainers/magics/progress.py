"""Shows a pull while somebody watches, and nothing that varies when nobody does.

In a live notebook a widget is drawn and taken away again before the container's
output; in a terminal one line is rewritten. Under nbval, nbclient and nbconvert
nothing is shown: they execute cells with ``allow_stdin`` false, since nobody is
there to answer, and a front end with a person before it sends true. CI counts as
nobody too.

Knows: IPython, which view to show. Does not know: how a pull works.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from ipycontainers.widgets.cells import is_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.client import PullProgress


def tell(shell: InteractiveShell, sentence: str) -> None:
    """A sentence on what was done for a cell, to a person and not into stored outputs."""
    if is_watched(shell) or is_terminal(shell):
        print(sentence, file=sys.stderr)


def is_terminal(shell: InteractiveShell) -> bool:
    """Whether a person sees it in a terminal."""
    return not hasattr(shell, "kernel") and sys.stderr.isatty()


@contextlib.contextmanager
def pull_progress(
    shell: InteractiveShell, image: str, *, alone: bool = True, doing: str = "Pulling"
) -> Iterator[Callable[[PullProgress], None] | None]:
    """A callback for the reports of a pull or push; the view appears with the first report.

    ``alone`` says that the cell has shown nothing before, so its output may be cleared.
    """
    if is_watched(shell):
        view: _Widget | _Line = _Widget(image, alone, doing)
    elif is_terminal(shell):
        view = _Line(f"{doing} {image}")
    else:
        yield None
        return
    try:
        yield view
    finally:
        view.close()


class _Widget:
    """A widget below the cell, which leaves no trace in the stored notebook.

    Below the line %container there may be outputs of lines before it, and an output
    cannot be taken away alone: there an empty one stays.
    """

    def __init__(self, image: str, alone: bool, doing: str) -> None:
        self._image, self._doing = image, doing
        self._alone = alone
        self._show: Callable[[str, str, int, int], None] | None = None

    def __call__(self, report: PullProgress) -> None:
        if self._show is None:
            from IPython.display import display

            from ipycontainers.widgets.pull import PullView

            self._view = PullView(self._image, self._doing)
            self._show = self._view.feed
            self._shown = display(self._view, display_id=True)  # type: ignore[no-untyped-call]
        self._show(report.layer, report.status, report.current, report.total)

    def close(self) -> None:
        if not self._show:
            return
        from IPython.display import clear_output

        self._view.close()
        if self._alone:
            clear_output()  # type: ignore[no-untyped-call]
        else:
            self._shown.update({"text/plain": ""}, raw=True)


class _Line:
    """One line on a terminal's standard error, rewritten in place."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._shown = False

    def __call__(self, report: PullProgress) -> None:
        part = f"{100 * report.current // report.total:3}%" if report.total else "    "
        text = f"{self._title}: {report.layer[:12]} {report.status} {part}"
        sys.stderr.write(f"\r{text:<78.78}")
        sys.stderr.flush()
        self._shown = True

    def close(self) -> None:
        if self._shown:
            sys.stderr.write("\r" + " " * 78 + "\r")
            sys.stderr.flush()
