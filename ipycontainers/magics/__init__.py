"""IPython magics: they parse a line, delegate, and say what came of it.

Knows: IPython. Does not know: the Docker API.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def register(shell: InteractiveShell) -> None:
    """Make ``%%container`` and its completion known to a shell."""
    from . import completion
    from .container import ContainerMagics

    magics = ContainerMagics(shell)
    shell.register_magics(magics)
    shell.configurables.append(magics)  # type: ignore[arg-type]  # any Configurable
    connect = partial(magics.connect, start=False)
    completion.install(shell, connect, lambda: [one.name for one in magics.sessions.all()])


def unregister(shell: InteractiveShell) -> None:
    """Take them back; a running watchdog stays until the kernel ends."""
    from . import completion
    from .container import ContainerMagics

    completion.uninstall(shell)
    for table in shell.magics_manager.magics.values():
        table.pop("container", None)
    for one in list(shell.configurables):
        if isinstance(one, ContainerMagics):
            one.forget()
            shell.configurables.remove(one)
