"""What a cell's Dockerfile is going to do, step by step, and in which line of the cell.

    text = Text.of("FROM alpine\nRUN make")        of a cell whose first line is %%dockerfile
    text = Text.on("lab", "RUN make")              the same after FROM lab
    plan = Plan.of(text, target="")                .steps, or .error with its .line

Our own engine's reader of Dockerfiles tells the steps before a build begins; where it cannot read
a text, the engine that builds has the last word, and the steps are those that it tells of.

Knows: Dockerfiles, lines of a cell. Does not know: engines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid

if TYPE_CHECKING:
    from ipycontainers.engine.build.instruction import Dockerfile, Stage

_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(?:escape|syntax|check)[ \t]*=.*", re.IGNORECASE)
_FROM = re.compile(r"[ \t]*FROM\s", re.IGNORECASE)
_BEFORE = re.compile(r"[ \t]*(?:$|#|ARG\s)", re.IGNORECASE)  # what may stand before a FROM


@dataclass(frozen=True)
class Text:
    """A Dockerfile. ``added`` is the first of ``count`` lines that no cell has, which are FROM of
    --append and what goes with it; 0: there are none."""

    content: str
    added: int = 0
    count: int = 1

    @classmethod
    def of(cls, cell: str) -> Text:
        """Raises Invalid for a cell without text."""
        if not cell.strip():
            raise Invalid(
                "the cell has no Dockerfile", "%%dockerfile -t NAME, and FROM IMAGE below it"
            )
        return cls(cell)

    @classmethod
    def on(
        cls, image: str, cell: str, *, before: Sequence[str] = (), after: Sequence[str] = ()
    ) -> Text:
        """The instructions of a cell, on an image, with other lines around its FROM. Raises
        Invalid."""
        lines = cls.of(cell).content.split("\n")
        if any(_FROM.match(line) for line in lines[: _first(lines) + 1]):
            raise Invalid(
                "the cell begins with FROM, so there is nothing that it could go on from",
                "leave --append out, or FROM",
            )
        # Directives are such in the first lines only.
        count = 0
        while count < len(lines) and _DIRECTIVE.fullmatch(lines[count]):
            count += 1
        head = [*before, f"FROM {image}", *after]
        content = "\n".join([*lines[:count], *head, *lines[count:]])
        return cls(content, count + 1, len(head))

    def cell_line(self, line: int) -> int:
        """The line of the cell, whose first is that of %%dockerfile; that one for --append's."""
        if not self.added or line < self.added:
            return line + 1
        return 1 if line < self.added + self.count else line - self.count + 1


def _first(lines: list[str]) -> int:
    """The number of the first line that is not blank, a comment, or ARG."""
    said = (number for number, line in enumerate(lines) if not _BEFORE.match(line))
    return next(said, len(lines) - 1)


@dataclass(frozen=True)
class Planned:
    """A step: the text that engines show, and the line of the cell in which it begins."""

    text: str
    line: int


@dataclass(frozen=True)
class Plan:
    """``stages`` are the steps of each, the first with ARG before FROM; ``error`` is why there are
    none, in dockerd's words, and ``line`` where, 0 for the whole. ``documents`` is the line of the
    first here-document."""

    stages: tuple[tuple[Planned, ...], ...] = ()
    error: str = ""
    line: int = 0
    documents: int = 0
    takes_files: bool = False

    @property
    def steps(self) -> tuple[Planned, ...]:
        """All, in their order."""
        return tuple(step for stage in self.stages for step in stage)

    @classmethod
    def of(cls, text: Text, target: str = "") -> Plan:
        from ipycontainers.engine.build import dockerfile

        try:
            read = dockerfile.parse(text.content)
        except dockerfile.WrongLine as error:
            return cls(error=error.message, line=text.cell_line(error.line))
        except Invalid as error:
            return cls(error=error.message)
        return cls._of(read, text, target)

    @classmethod
    def _of(cls, read: Dockerfile, text: Text, target: str) -> Plan:
        stages = read.stages[: _last(read.stages, target) + 1]
        told = tuple(
            tuple(Planned(words, text.cell_line(line)) for words, line in _lines(stage))
            for stage in stages
        )
        before = tuple(Planned(one.original, text.cell_line(one.line)) for one in read.arguments)
        every = [one for stage in stages for one in stage.instructions]
        documents = next((one.line for one in every if one.heredocs), 0)
        made = cls(((*before, *told[0]), *told[1:])) if told else cls((before,))
        return replace(
            made,
            documents=documents and text.cell_line(documents),
            takes_files=any(
                one.word in ("ADD", "COPY") and "from" not in one.flags for one in every
            ),
        )


def _lines(stage: Stage) -> list[tuple[str, int]]:
    found = [(stage.original, stage.line)]
    return found + [(one.original, one.line) for one in stage.instructions]


def _last(stages: tuple[Stage, ...], target: str) -> int:
    """The number of the stage that ``target`` names; the last one, where there is none such."""
    for number, stage in enumerate(stages):
        if target and target.lower() in (stage.name, str(number)):
            return number
    return len(stages) - 1
