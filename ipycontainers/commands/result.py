"""What a verb gives back: docker's text, and a value to go on with.

    ids = %docker ps -q          Lines, a list of str
    for row in table: …          Listing, a list of dicts; its text is docker's table
    found = %docker inspect web  Inspected, a list of what the engine said

``repr`` of each is what the docker command prints.

Knows: text. Does not know: engines, HTML.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas
    from typing_extensions import Self


class Lines(list[str]):
    """Lines of output, as a list; what a program that writes to a variable gave."""

    @classmethod
    def of(cls, text: str) -> Lines:
        """Without the line break at the end of each."""
        return cls(text.removesuffix("\n").split("\n") if text else ())

    @property
    def text(self) -> str:
        """As docker prints it."""
        return "".join(f"{line}\n" for line in self)

    def __str__(self) -> str:
        return "\n".join(self)

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        # IPython draws lists by itself.
        printer.text(str(self))


class Listing(list[dict[str, str]]):
    """Rows of a table by the names that --format has for its columns: ID, Names …

    ``heads`` and ``cells`` are what is shown, ``text`` is docker's table.
    """

    def __init__(
        self,
        rows: Iterable[dict[str, str]],
        *,
        heads: Sequence[str],
        cells: Sequence[Sequence[str]],
        text: str,
    ) -> None:
        super().__init__(rows)
        self.heads = tuple(heads)
        self.cells = tuple(tuple(row) for row in cells)
        self.text = text

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a table. Raises ImportError where pandas is not installed."""
        import pandas

        return pandas.DataFrame(list(self))

    def __str__(self) -> str:
        return self.text.removesuffix("\n")

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


class Inspected(list[Any]):
    """What the engine says of each thing, as it says it."""

    @property
    def text(self) -> str:
        return json.dumps(list(self), indent=4, ensure_ascii=False) + "\n"

    def __str__(self) -> str:
        return self.text.removesuffix("\n")

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


class Text(str):
    """A text of several parts, such as that of ``info``; ``data`` is what it tells of."""

    data: Mapping[str, Any]

    def __new__(cls, text: str, data: Mapping[str, Any] | None = None) -> Self:
        made = super().__new__(cls, text.removesuffix("\n"))
        made.data = dict(data or {})
        return made

    @property
    def text(self) -> str:
        return f"{self!s}\n"

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(str(self))


class Tar(bytes):
    """A tar, as ``cp NAME:PATH -`` gives it."""

    @property
    def text(self) -> str:
        """What it is: a notebook cannot show it."""
        return f"a tar of {len(self):,} bytes\n"

    def __repr__(self) -> str:
        return self.text.removesuffix("\n")

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(repr(self))


Result = Lines | Listing | Inspected | Text | Tar
