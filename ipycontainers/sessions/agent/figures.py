"""What is done to modules that a cell imports, at the moment when it imports them.

matplotlib.pyplot shows its figures in the notebook, IPython.display displays there, tasks of
a thread pool write to the cell that submitted them, and multiprocessing forks, since a
fresh process cannot import what a cell has defined.

Knows: these modules' names. Does not know: cells.
"""

import contextlib
import importlib.util
import io
import sys

from . import outputs

PYPLOT = "matplotlib.pyplot"


class Hooks:
    """A finder that finds nothing by itself: it does something to a module after its import."""

    def __init__(self, hooks: "dict[str, Callable[[types.ModuleType], None]]") -> None:
        self._hooks = hooks

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Called by the import system."""
        hook = self._hooks.pop(name, None)
        if hook is None:
            return None
        spec = importlib.util.find_spec(name)
        execute = getattr(spec and spec.loader, "exec_module", None)
        if execute is None:
            self._hooks[name] = hook  # it may be installed later
            return spec

        def execute_and_hook(module: "types.ModuleType") -> None:
            execute(module)
            with contextlib.suppress(Exception):  # another version of it than we know
                hook(module)

        with contextlib.suppress(AttributeError):
            spec.loader.exec_module = execute_and_hook  # type: ignore[union-attr, method-assign]
        return spec


def install(display: "shown.Display", streams: "outputs.Outputs") -> None:
    """Before the first cell."""
    sys.meta_path.insert(
        0,
        Hooks(  # type: ignore[arg-type]
            {
                PYPLOT: lambda module: _show_here(module, display),
                "IPython.display": lambda module: _display_here(module, display),
                "IPython.core.display_functions": lambda module: _display_here(module, display),
                "concurrent.futures.thread": lambda m: outputs.remember_tasks(m, streams),
                "multiprocessing.context": _fork,
            }
        ),
    )


def _show_here(pyplot: "types.ModuleType", display: "shown.Display") -> None:
    setattr(pyplot, "show", lambda *_, **__: show(display))  # noqa: B010


def _display_here(module: "types.ModuleType", display: "shown.Display") -> None:
    ours = {
        "display": display.display,
        "update_display": display.update_display,
        "clear_output": display.clear_output,
        "publish_display_data": display.publish,
    }
    for name, function in ours.items():
        if hasattr(module, name):
            setattr(module, name, function)


def _fork(context: "types.ModuleType") -> None:
    """The start method that a cell gets unless it chooses one; Python 3.14 has another."""
    context._default_context._default_context = context._concrete_contexts["fork"]


def show(display: "shown.Display") -> None:
    """Show every open figure of pyplot and close it: at the end of a cell, and plt.show()."""
    pyplot = sys.modules.get(PYPLOT)
    if pyplot is None:
        return
    with contextlib.suppress(AttributeError):  # its import has failed half way
        for number in pyplot.get_fignums():
            display.display(pyplot.figure(number))
        pyplot.close("all")


def png(figure: object) -> bytes:
    """A figure as matplotlib draws it, at the size that it was made for."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", bbox_inches="tight")  # type: ignore[attr-defined]
    return picture.getvalue()


TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable

    from . import shown
