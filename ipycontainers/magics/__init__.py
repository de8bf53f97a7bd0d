"""IPython magics: they parse a line, delegate, and say what came of it.

Knows: IPython. Does not know: the Docker API.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipycontainers.commands import Listing


def register(shell: InteractiveShell) -> None:
    """Make ``%%container``, ``%%dockerfile``, ``%docker`` and their completion known to a shell."""
    from . import completion
    from .container import ContainerMagics
    from .docker import DockerMagics
    from .dockerfile import DockerfileMagics

    magics = ContainerMagics(shell)
    shell.register_magics(magics)
    shell.register_magics(DockerMagics(shell, magics), DockerfileMagics(shell, magics))
    shell.configurables.append(magics)  # type: ignore[arg-type]  # any Configurable
    _tables(shell).for_type_by_name("ipycontainers.commands.result", "Listing", _drawn)
    connect = partial(magics.connect, start=False)
    completion.install(shell, connect, lambda: [one.name for one in magics.sessions.all()])


def unregister(shell: InteractiveShell) -> None:
    """Take them back; a running watchdog stays until the kernel ends."""
    from . import completion
    from .container import ContainerMagics

    completion.uninstall(shell)
    _tables(shell).pop("ipycontainers.commands.result.Listing", None)
    for table in shell.magics_manager.magics.values():
        for name in ("container", "docker", "dockerfile"):
            table.pop(name, None)
    for one in list(shell.configurables):
        if isinstance(one, ContainerMagics):
            one.forget()
            shell.configurables.remove(one)


def _tables(shell: InteractiveShell) -> Any:
    formatter: Any = shell.display_formatter
    return formatter.formatters["text/html"]


def _drawn(listing: Listing) -> str:
    from .docker_table import drawn

    return drawn(listing)
