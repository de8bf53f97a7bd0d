"""Which cell shows which widgets, so that one that runs again keeps only its newest.

Each run of a cell would else leave its widgets, their comms and their models in the kernel and
in the page: ipywidgets keeps them until they are closed (jupyter-widgets/ipywidgets#2304).

Knows: IPython's history of outputs, the cell that a message of Jupyter's names. Does not know:
what a widget shows.
"""

from __future__ import annotations

import os
from typing import Any, Protocol


class Closable(Protocol):
    def close(self) -> None: ...


# By cell: the run in which they were made, and they.
_SHOWN: dict[str, tuple[int, list[Closable]]] = {}


def shown(widget: Closable) -> None:
    """A widget is made: what an earlier run of its cell made is closed and let go."""
    shell, cell = this_shell(), _cell()
    if shell is None or not cell:
        return
    run = int(shell.execution_count)
    before, widgets = _SHOWN.get(cell, (run, []))
    if before != run:
        for old in widgets:
            old.close()
            _let_go(shell, old)
        widgets = []
    _SHOWN[cell] = (run, [*widgets, widget])


def is_watched(shell: Any = None) -> bool:
    """Whether a person sees this cell run in a notebook: nbval, nbclient and nbconvert execute
    cells with ``allow_stdin`` false, since nobody is there to answer. CI counts as nobody too."""
    kernel = getattr(shell or this_shell(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False)) and not os.environ.get("CI")


def is_left_alone() -> bool:
    """Whether a program executes this cell, so that no front end will show what it makes."""
    kernel = getattr(this_shell(), "kernel", None)
    return kernel is not None and not getattr(kernel, "_allow_stdin", True)


def this_shell() -> Any:
    """IPython's, or None."""
    from IPython.core.getipython import get_ipython

    return get_ipython()


def _cell() -> str:
    """The id of the cell that runs; "" where the front end names none."""
    shell = this_shell()
    try:
        metadata = shell.get_parent()["metadata"]
    except (AttributeError, KeyError, TypeError):
        return ""
    return str(metadata.get("cellId") or "")


def _let_go(shell: Any, widget: Closable) -> None:
    """Take it out of ``Out`` and the names that IPython gives to outputs; variables that a
    person made keep it."""
    outputs = shell.user_ns.get("_oh", {})
    numbers = [number for number, value in outputs.items() if value is widget]
    for number in numbers:
        del outputs[number]
    # What IPython names by itself stands in both.
    for names in (shell.user_ns, shell.user_ns_hidden):
        for number in numbers:
            names.pop(f"_{number}", None)
        for name in ("_", "__", "___"):
            if names.get(name) is widget:
                names[name] = ""
    for name in ("_", "__", "___"):
        if getattr(shell.displayhook, name, None) is widget:
            setattr(shell.displayhook, name, "")
