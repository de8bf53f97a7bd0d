"""Shows a build: live while somebody watches, as fixed lines where nobody does.

What is stored is the same in both cases, and in each run: the steps that the text has. A terminal
gets the engine's own lines as they come.

Knows: IPython, which view to show. Does not know: how a build works.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ipycontainers.widgets.cells import is_watched

from .progress import is_terminal

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.building.plan import Plan
    from ipycontainers.building.progress import Progress


class View(Protocol):
    """``shows_output``: what a step printed was shown already."""

    shows_output: bool

    def sent(self, count: int) -> None: ...

    def watch(self, line: Mapping[str, Any]) -> None: ...


@contextlib.contextmanager
def build_progress(
    shell: InteractiveShell, title: str, plan: Plan, progress: Progress
) -> Iterator[View]:
    """A view of one build, which is told of its end."""
    if is_watched(shell):
        live = _Widget(title, plan, progress)
        try:
            yield live
        finally:
            live.end()
    elif is_terminal(shell):
        yield _Lines()
    else:
        yield _Fixed(title, plan)


class _Widget:
    shows_output = False

    def __init__(self, title: str, plan: Plan, progress: Progress) -> None:
        from IPython.display import display

        from ipycontainers.widgets.build import BuildView

        self._view = BuildView(title, plan, progress)
        display(self._view)  # type: ignore[no-untyped-call]

    def sent(self, count: int) -> None:
        self._view.sent(count)

    def watch(self, line: Mapping[str, Any]) -> None:
        pass

    def end(self) -> None:
        self._view.end()


class _Lines:
    """As the docker command prints them."""

    shows_output = True

    def sent(self, count: int) -> None:
        pass

    def watch(self, line: Mapping[str, Any]) -> None:
        if isinstance(text := line.get("stream"), str):
            print(text, end="", flush=True)
        elif "status" in line and "progressDetail" not in line:
            print(line["status"], file=sys.stderr)


class _Fixed:
    shows_output = False

    def __init__(self, title: str, plan: Plan) -> None:
        from IPython.display import publish_display_data

        from ipycontainers.widgets.build import fixed_form, fixed_text

        publish_display_data(  # type: ignore[no-untyped-call]
            {"text/plain": fixed_text(title, plan), "text/html": str(fixed_form(title, plan))}
        )

    def sent(self, count: int) -> None:
        pass

    def watch(self, line: Mapping[str, Any]) -> None:
        pass
