"""IPython magics: they parse a line, delegate, and say what came of it.

Knows: IPython. Does not know: the Docker API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def register(shell: InteractiveShell) -> None:
    """Make ``%%container`` and its completion known to a shell; once per shell."""
    from .container import ContainerMagics

    magics = ContainerMagics(shell)
    shell.register_magics(magics)
    if not any(isinstance(one, ContainerMagics) for one in shell.configurables):
        shell.configurables.append(magics)  # type: ignore[arg-type]  # any Configurable


def unregister(shell: InteractiveShell) -> None:
    """Take them back; a running watchdog stays until the kernel ends."""
    from .container import ContainerMagics

    for table in shell.magics_manager.magics.values():
        table.pop("container", None)
    shell.configurables[:] = [
        one for one in shell.configurables if not isinstance(one, ContainerMagics)
    ]
