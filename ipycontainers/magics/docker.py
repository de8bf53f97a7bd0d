"""``%docker VERB …``: the docker command's verbs, on the engine of this notebook.

    %docker ps -a                      docker's table
    ids = %docker ps -q                a list
    %docker stop {ids[0]}              {name} is a Python value

Knows: IPython's magics. Does not know: verbs, docker-py, HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope, no_var_expand

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .container import ContainerMagics


def _help() -> str:
    from ipycontainers.commands import help_text

    return help_text()


@magics_class
class DockerMagics(Magics):
    """Shares the connection, and what is configured, with ``ContainerMagics``."""

    shell: InteractiveShell

    def __init__(self, shell: InteractiveShell, container: ContainerMagics) -> None:
        super().__init__(shell=shell)
        self.container = container

    @no_var_expand
    @needs_local_scope
    @line_magic
    def docker(self, line: str, local_ns: dict[str, Any] | None = None) -> object:
        from .command import CommandRun

        return CommandRun(self.container, {**self.shell.user_ns, **(local_ns or {})}).run(line)

    # IPython asks a callable's own getdoc() first; it is called for %docker? alone.
    docker.getdoc = _help  # type: ignore[union-attr]
