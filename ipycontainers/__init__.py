"""Run notebook cells in containers, and see what a container is.

    %load_ext ipycontainers

    %%container python:3.13-slim
    import sys; print(sys.version)

Knows: the public names. Does not know: anything heavy, until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__version__ = "0.1.0"

__all__ = ["load_ipython_extension", "unload_ipython_extension"]


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython for ``%load_ext ipycontainers``: registers the magics."""
    from . import magics

    magics.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Called by IPython for ``%unload_ext ipycontainers`` and before a reload."""
    from . import magics

    magics.unregister(shell)
