"""Run notebook cells in containers, and see what a container is.

    %load_ext ipycontainers

    %%container python:3.13-slim
    import sys; print(sys.version)

    from ipycontainers import ImageLayers
    ImageLayers("python:3.13-slim")

Knows: the public names. Does not know: anything heavy, until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .widgets.layers import ImageLayers
    from .widgets.lifecycle import Lifecycle
    from .widgets.namespaces import Namespaces
    from .widgets.platform import Platform
    from .widgets.processes import Processes
    from .widgets.reach import ReachMap
    from .widgets.stack import StackCompare
    from .widgets.stats import Stats

__version__ = "0.1.0"

__all__ = [
    "ImageLayers",
    "Lifecycle",
    "Namespaces",
    "Platform",
    "Processes",
    "ReachMap",
    "StackCompare",
    "Stats",
    "load_ipython_extension",
    "unload_ipython_extension",
]

_WIDGETS = {
    "ImageLayers": "layers",
    "Lifecycle": "lifecycle",
    "Namespaces": "namespaces",
    "Platform": "platform",
    "Processes": "processes",
    "ReachMap": "reach",
    "StackCompare": "stack",
    "Stats": "stats",
}


def __getattr__(name: str) -> Any:
    """The widgets, imported when one is asked for: ``%load_ext`` needs none."""
    if name not in _WIDGETS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.widgets.{_WIDGETS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WIDGETS})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython for ``%load_ext ipycontainers``: registers the magics."""
    from . import magics

    magics.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython for ``%unload_ext ipycontainers`` and before a reload."""
    from . import magics

    magics.unregister(shell)
