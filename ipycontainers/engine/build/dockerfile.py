"""A Dockerfile's text becomes stages of instructions.

    parse("FROM scratch AS a\\nENV A=1\\nCOPY --from=x /b /c\\n").stages[0].instructions

All errors of all lines are found before a build begins, with the words of dockerd 20.10, the
judge of whatever it can read. Here-documents, which it cannot, are read as BuildKit does.

Knows: what a Dockerfile may say. Does not know: files, images, what an instruction does.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ipycontainers.errors import Invalid

from . import grammar, heredocs, syntax
from .heredocs import Heredoc
from .instruction import Dockerfile, Instruction, Stage
from .lines import Line, Source
from .words import SPACE

_ON_BUILD = re.compile(r"[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*", re.IGNORECASE)

_Read = tuple[syntax.Node, Line, tuple[Heredoc, ...]]


class WrongLine(Invalid):
    """What is wrong with the instruction that begins in ``line``, from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


def decode(content: bytes) -> str:
    """A file's text: each byte that is no UTF-8 becomes U+FFFD, as in Go."""
    return re.sub("[\udc80-\udcff]", "\ufffd", content.decode("utf-8", "surrogateescape"))


def parse(text: str, *, name: str = "Dockerfile", heredocs: bool = True) -> Dockerfile:
    """The Dockerfile with this text; ``name`` is for messages. Invalid, in dockerd's words.

    Without ``heredocs`` text after << is left to the shell, as dockerd 20.10 does.
    """
    if not text:
        raise Invalid(f"the Dockerfile ({name}) cannot be empty")
    source = Source(text)
    try:
        lines = _lines(source, heredocs)
    except WrongLine as error:
        raise WrongLine(f"failed to parse {name}: {error}", error.line) from None
    except Invalid as error:
        raise Invalid(f"failed to parse {name}: {error}") from None
    arguments: list[Instruction] = []
    stages: list[list[Instruction]] = []  # each begins with its FROM
    for instruction in map(_located, lines):
        if instruction.word == "FROM":
            stages.append([instruction])
        elif stages:
            stages[-1].append(instruction)
        elif instruction.word == "ARG":
            arguments.append(instruction)
        else:
            raise WrongLine("no build stage in current context", instruction.line)
    warnings = source.warnings
    if warnings:
        warnings.append(
            "[WARNING]: Empty continuation lines will become errors in a future release."
        )
    return Dockerfile(source.escape, tuple(arguments), tuple(map(_stage, stages)), tuple(warnings))


def read(text: str, allowed: frozenset[str]) -> tuple[str, list[Instruction]]:
    """The escape character and the instructions of a text without FROM: ``--change``.

    Invalid, in dockerd's words, for others than those ``allowed``.
    """
    source = Source(text)
    lines = _lines(source, heredocs=False)
    for node, _, _ in lines:
        if node.word not in allowed:
            raise Invalid(f"{node.word.lower()} is not a valid change command")
    return source.escape, list(map(_instruction, lines))


def trigger(text: str) -> Instruction:
    """What ONBUILD of a base image has left to be done. Invalid."""
    lines = _lines(Source(text), heredocs=True)
    if len(lines) != 1:
        raise Invalid("onbuild trigger should be a single expression")
    return _instruction(lines[0])


def label(name: str, value: str) -> Instruction:
    """The LABEL of ``docker build --label``, which ends the last stage."""
    text = f"{name}={value}"
    return Instruction("LABEL", text, f"LABEL {text}", (name, value), expands=False)


def _lines(source: Source, heredocs: bool) -> list[_Read]:
    read: list[_Read] = []
    for line in source:
        try:
            node = syntax.read(line.text, source.escape)
            documents = _documents(source, node) if heredocs else ()
        except Invalid as error:
            raise WrongLine(error.message, line.number) from None
        read.append((node, line, documents))
    if not read:
        raise Invalid("file with no instructions")
    return read


def _documents(source: Source, node: syntax.Node) -> tuple[Heredoc, ...]:
    word = node.arguments[0] if node.word == "ONBUILD" and node.arguments else node.word
    if word not in grammar.TAKES_HEREDOCS or node.is_json or "<<" not in node.line:
        return ()
    return tuple(source.body(heredoc) for heredoc in heredocs.of_line(node.line))


def _located(line: _Read) -> Instruction:
    try:
        return _instruction(line)
    except Invalid as error:
        number = line[1].number
        raise WrongLine(f"dockerfile parse error line {number}: {error}", number) from None


def _instruction(read: _Read) -> Instruction:
    node, line, documents = read
    text = node.text
    if node.word == "ONBUILD":
        text = _ON_BUILD.sub("", node.line, count=1) + heredocs.below(documents)
    plain = Instruction(
        node.word,
        text,
        node.line.strip(SPACE),
        node.arguments,
        node.is_json,
        heredocs=documents,
        line=line.number,
    )
    return replace(plain, flags=grammar.check(plain, node.flags))


def _stage(instructions: list[Instruction]) -> Stage:
    begin, *rest = instructions
    return Stage(
        begin.arguments[0],
        grammar.stage_name(begin.arguments),
        str(begin.flags.get("platform", "")),
        begin.original,
        tuple(rest),
        begin.line,
    )
