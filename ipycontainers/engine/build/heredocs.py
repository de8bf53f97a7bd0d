"""Here-documents: <<NAME in a line of RUN, COPY or ADD, and the lines up to NAME.

    of_line('COPY <<-"EOF" /file')     [Heredoc("EOF", "", expand=False, chomp=True)]

A quoted name means that nothing in the document is replaced; <<- takes tabs from its lines'
beginnings. dockerd 20.10 has none of it; the rules are those of BuildKit, which introduced them:
https://docs.docker.com/reference/dockerfile/#here-documents

Knows: that notation. Does not know: what a document is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ipycontainers.errors import Invalid

from .words import split, unquoted

_MARK = re.compile(r"\d*<<(-?)([^<]+)", re.DOTALL)
FOLDER = "/dev/pipes"  # where BuildKit has the file of a script, for the time of its RUN
_TABS = re.compile(r"^\t+", re.MULTILINE)


@dataclass(frozen=True)
class Heredoc:
    """``content`` has the lines as they stand in the file, each with its newline."""

    name: str
    content: str = ""
    expand: bool = True
    chomp: bool = False

    @property
    def text(self) -> str:
        """The content, without the tabs that <<- takes off."""
        return _TABS.sub("", self.content) if self.chomp else self.content

    def is_end(self, line: str) -> bool:
        """Whether the document ends with this line."""
        return (line.lstrip("\t") if self.chomp else line) == self.name


def of_word(word: str) -> Heredoc | None:
    """<<NAME and nothing else, without its content."""
    match = _MARK.fullmatch(word)
    if match is None or len(split(match[2])) != 1:
        return None
    try:
        name = unquoted(match[2])
    except Invalid:
        return None
    return Heredoc(name, expand=name == match[2], chomp=match[1] == "-") if name else None


def of_line(line: str) -> list[Heredoc]:
    """All of a line, in their order."""
    found = (of_word(word) for word in split(line))
    return [heredoc for heredoc in found if heredoc]


@dataclass(frozen=True)
class Script:
    """What the shell of RUN is given, and the file it names, if that has to be made first.

    ``shown`` is for the history and the cache: all that can change what runs.
    """

    text: str
    shown: str
    file: Heredoc | None = None


def script(text: str, documents: tuple[Heredoc, ...]) -> Script:
    """RUN with this text and these documents.

    <<NAME alone: its content runs, by its own interpreter if it begins with #!, as the file
    ``FOLDER/NAME``. Otherwise the shell, which knows here-documents itself, gets all of it.
    """
    whole = text + below(documents)
    if not documents:
        return Script(text, text)
    if of_word(text) is None:
        return Script(whole, whole)
    (document,) = documents
    if document.content.startswith("#!"):
        return Script(f"{FOLDER}/{document.name}", whole, document)
    return Script(document.text, document.text)


def below(documents: tuple[Heredoc, ...]) -> str:
    """The documents as they stand below their line."""
    return "".join(f"\n{document.content}{document.name}" for document in documents)
