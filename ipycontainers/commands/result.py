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


LARGEST = 512 * 1024  # characters that an output shows: a front end drops what is much more


class _Shown:
    """What all have: IPython shows their text, and no more of it than a notebook takes."""

    @property
    def text(self) -> str:
        """As docker prints it."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text.removesuffix("\n")

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        # IPython draws lists and texts by itself.
        printer.text(cut(self.text.removesuffix("\n")))


def cut(text: str) -> str:
    """Its first lines, and how many more there are, where there is too much of it."""
    if len(text) <= LARGEST:
        return text
    kept = text[:LARGEST].rpartition("\n")[0] or text[:LARGEST]
    more = text.count("\n", len(kept))
    left = f"{more:,} more lines" if more else f"{len(text) - len(kept):,} more characters"
    return f"{kept}\n… and {left}, in the value"


class Lines(_Shown, list[str]):
    """Lines of output, as a list; what a program that writes to a variable gave."""

    @classmethod
    def of(cls, text: str) -> Lines:
        """Without the line break at the end of each."""
        return cls(text.removesuffix("\n").split("\n") if text else ())

    @property
    def text(self) -> str:
        """As docker prints it."""
        return "".join(f"{line}\n" for line in self)


class Listing(_Shown, list[dict[str, str]]):
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
        self._text = text

    @property
    def text(self) -> str:
        """docker's table."""
        return self._text

    def to_pandas(self) -> pandas.DataFrame:
        """The same as a table. Raises ImportError where pandas is not installed."""
        import pandas

        return pandas.DataFrame(list(self))


class Inspected(_Shown, list[Any]):
    """What the engine says of each thing, as it says it."""

    @property
    def text(self) -> str:
        return json.dumps(list(self), indent=4, ensure_ascii=False) + "\n"


class Text(_Shown, str):
    """A text of several parts, such as that of ``info``; ``data`` is what it tells of."""

    data: Mapping[str, Any]

    def __new__(cls, text: str, data: Mapping[str, Any] | None = None) -> Self:
        made = super().__new__(cls, text.removesuffix("\n"))
        made.data = dict(data or {})
        return made

    @property
    def text(self) -> str:
        return f"{str.__str__(self)}\n"


class Tar(_Shown, bytes):
    """A tar, as ``cp NAME:PATH -`` gives it."""

    @property
    def text(self) -> str:
        """What it is: a notebook cannot show it."""
        return f"a tar of {len(self):,} bytes\n"


Result = Lines | Listing | Inspected | Text | Tar
