"""Programs beside a container's own: ``docker exec`` as a stream.

Knows: the two requests that it takes. Does not know: what the programs are for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .dial import Dialler
from .stream import UPGRADE, Attachment
from .translate import translated


class Execution(Attachment):
    """The streams of one program, as frames. ``exit_code`` tells how it ended.

    Closing it does not end the program, which no engine can (moby#35703); one that reads
    its input sees the end of it.
    """

    def __init__(self, exit_code: Callable[[], int | None], *request: Any, **more: Any) -> None:
        self._ask = exit_code
        super().__init__(*request, **more)

    def exit_code(self) -> int | None:
        """None while it runs. Raises NotFound once the container is gone."""
        return self._ask()


def start(
    api: Any,
    dialler: Dialler,
    container_id: str,
    command: Sequence[str],
    *,
    stdin: bool,
    timeout: float,
) -> Execution:
    """``api`` is docker-py's client, ``dialler`` opens the stream; see ``Connection.execute``."""

    def exit_code() -> int | None:
        with translated("asking for the end of a program"):
            told = api.exec_inspect(execution_id)
        return None if told["Running"] or told["ExitCode"] is None else int(told["ExitCode"])

    doing = f"running {command[0]} in the container"
    with translated(doing):
        execution_id = api.exec_create(container_id, list(command), stdin=stdin)["Id"]
        return Execution(
            exit_code,
            dialler,
            "POST",
            f"/v{api.api_version}/exec/{execution_id}/start",
            headers=UPGRADE,
            body={"Detach": False, "Tty": False},
            doing=doing,
            timeout=timeout,
        )
