"""What an image was built of by the cells of this kernel, so that another cell can go on.

    recipe = Recipe("FROM alpine\nARG V=1\nRUN make $V\n", given={"V": "2"})
    recipe.on("lab", "RUN make more $V")       after FROM lab and ARG V=1
    recipe.carried                             {"V": "2"}

An image knows its ENV, WORKDIR and USER, and no ARG: those hold to the end of their stage, which
is for a cell of --append what it would be in one Dockerfile.

Knows: Dockerfiles. Does not know: images, engines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid

from .plan import Text

if TYPE_CHECKING:
    from ipycontainers.engine.build.instruction import Dockerfile, Instruction


@dataclass(frozen=True)
class Recipe:
    """A Dockerfile, "" where nobody knows it, and what --build-arg gave."""

    text: str = ""
    given: Mapping[str, str | None] = field(default_factory=dict)

    def on(self, image: str, cell: str) -> Text:
        """A cell's instructions on the image, which was built of this. Raises Invalid."""
        outer, inner = self._arguments()
        return Text.on(
            image,
            cell,
            before=[one.original for one in outer],
            after=[one.original for one in inner],
        )

    @property
    def carried(self) -> dict[str, str | None]:
        """Of what was given what another cell can ask for."""
        told = (word for group in self._arguments() for one in group for word in one.arguments)
        names = {word.partition("=")[0] for word in told}
        return {name: value for name, value in self.given.items() if name in names}

    def then(self, text: Text, cell: str, given: Mapping[str, str | None]) -> Recipe:
        """That of the image that was built of ``text``, which has the cell in it. A cell with
        directives of its own cannot stand in the middle of a Dockerfile, nor behind others'."""
        read = self._read()
        if text.added == 1 and read and read.escape == "\\":
            return Recipe(f"{self.text.rstrip()}\n{cell.rstrip()}\n", given)
        return Recipe(f"{text.content.rstrip()}\n", given)

    def _arguments(self) -> tuple[list[Instruction], list[Instruction]]:
        """The ARG before the first FROM, and those of the last stage."""
        read = self._read()
        if not read or not read.stages:
            return [], []
        own = [one for one in read.stages[-1].instructions if one.word == "ARG"]
        return list(read.arguments) if own else [], own

    def _read(self) -> Dockerfile | None:
        from ipycontainers.engine.build import dockerfile

        try:
            return dockerfile.parse(self.text)
        except Invalid:  # what another engine can read
            return None
