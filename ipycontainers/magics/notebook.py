"""The front end, as far as a cell in a container may use it: outputs, and asking a person.

Knows: IPython's displays, the kernel's input box. Does not know: containers, what of an
output is safe to show (``sessions.rich`` has seen to that).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ipycontainers.errors import Unsupported

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


class Shown:
    """The value of a cell's last expression, of which only what is shown came out."""

    def __init__(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self._data = dict(data)
        self._metadata = dict(metadata)

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", ""))

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._data, self._metadata


class Notebook:
    """Of one cell. ``value`` is what the magic returns, so that it becomes Out[n]."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self.value: Shown | None = None

    def display(
        self,
        data: Mapping[str, Any],
        metadata: Mapping[str, Any],
        *,
        display_id: str = "",
        update: bool = False,
    ) -> None:
        from IPython.display import publish_display_data

        transient = {"display_id": display_id} if display_id else {}
        publish_display_data(  # type: ignore[no-untyped-call]
            data=dict(data), metadata=dict(metadata), transient=transient, update=update
        )

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        self.value = Shown(data, metadata)

    def clear(self, wait: bool) -> None:
        from IPython.display import clear_output

        clear_output(wait=wait)  # type: ignore[no-untyped-call]

    def input(self, prompt: str, password: bool) -> str:
        """Raises Unsupported where nobody is there to answer, as under nbval."""
        from getpass import getpass

        try:
            return getpass(prompt) if password else input(prompt)
        except Exception as error:
            if type(error).__name__ not in ("StdinNotImplementedError", "EOFError"):
                raise
            raise Unsupported(
                "the cell asks for input, and nobody is there to answer",
                "run it in a notebook, or pass the value with -i NAME",
            ) from error
