"""Go's templates, as text and as a tree.

    parse("{{range .Mounts}}{{.Source}} {{end}}")  → Block(…)

Taken: fields and chains, variables, pipes, parentheses, strings, numbers, comments, trimming,
if, else if, range, with, break and continue. Left out: define, template, block.

Knows: the syntax (text/template of Go). Does not know: values, functions.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 100  # of blocks in blocks and parentheses in parentheses
LEFT_OUT = {"define", "template", "block"}
KEYWORDS = {"if", "range", "with", "else", "end", "break", "continue"}
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<char>'(?:[^'\\]|\\.)')
    |(?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?))
    |(?P<field>\.[^\W\d]\w*)|(?P<variable>\$\w*)|(?P<dot>\.)|(?P<declare>:=|=)
    |(?P<word>[^\W\d]\w*)|(?P<mark>[|(),])""",
    re.VERBOSE,
)


class TemplateError(Exception):
    """What Go says of a template that is wrong, or that fails."""


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Word:
    """One operand: a constant, the dot, a variable, a function or a pipeline in parentheses,
    and the fields behind it."""

    kind: str  # constant dot variable function pipeline nil
    value: Any
    fields: tuple[str, ...]
    at: int
    text: str  # as an error names it


@dataclass(frozen=True)
class Pipeline:
    """Commands, each of words; the value of one is the last argument of the next."""

    commands: tuple[tuple[Word, ...], ...]
    declares: tuple[str, ...] = ()
    assigns: bool = False


@dataclass
class Block:
    """Texts, pipelines to print, and branches, in their order."""

    parts: list[str | Pipeline | Branch | Jump] = field(default_factory=list)


@dataclass(frozen=True)
class Jump:
    """break or continue."""

    word: str


@dataclass(frozen=True)
class Branch:
    """if, with or range; ``other`` is what stands behind else."""

    word: str
    pipeline: Pipeline
    body: Block
    other: Block


def parse(source: str, name: str = "") -> Block:
    """Raises TemplateError, in which the template has that name."""
    return _Parser(source, name).template()


def _actions(source: str, name: str) -> list[tuple[str, int, str]]:
    """Texts and actions in turn: (what it is, where, text)."""
    found: list[tuple[str, int, str]] = []
    at = 0
    trim = False
    while True:
        start = source.find("{{", at)
        text = source[at:] if start < 0 else source[at:start]
        if trim:
            text = text.lstrip(" \t\r\n")
        if start < 0:
            return [*found, ("text", at, text)]
        begin = start + 2
        if re.match(r"-\s", source[begin:]):
            text, begin = text.rstrip(" \t\r\n"), begin + 1
        found.append(("text", at, text))
        if comment := re.compile(r"\s*/\*.*?\*/\s*?(\s-)?\}\}", re.DOTALL).match(source, begin):
            trim, at = bool(comment[1]), comment.end()
            continue
        end = _end(source, begin, name)
        trim = bool(re.search(r"\s-$", source[begin:end]))
        found.append(("action", begin, source[begin : end - trim]))
        at = end + 2


def _end(source: str, begin: int, name: str) -> int:
    """Where the action ends; braces in strings do not end it."""
    inside = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|\}\}', re.DOTALL)
    for found in inside.finditer(source, begin):
        if found[0] == "}}":
            return found.start()
    raise TemplateError(f"template: {name}:{_line(source, begin)}: unclosed action")


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1


class _Parser:
    def __init__(self, source: str, name: str) -> None:
        self._source = source
        self._name = name
        self._actions = _actions(source, name)
        self._tokens: list[Token] = []
        self._depth = 0
        self._ranges = 0
        self._variables = ["$"]
        self._last = 0  # where the last token of the action ends

    def template(self) -> Block:
        block, ended = self._block()
        if ended:
            raise self._wrong(f"unexpected {{{{{ended.text}}}}}", ended.at)
        return block

    def _wrong(self, reason: str, at: int) -> TemplateError:
        return TemplateError(f"template: {self._name}:{_line(self._source, at)}: {reason}")

    # Blocks

    def _block(self) -> tuple[Block, Token | None]:
        """Up to {{end}}, {{else}} or the end of all."""
        block = Block()
        while self._actions:
            kind, at, text = self._actions.pop(0)
            if kind == "text":
                if text:
                    block.parts.append(text)
                continue
            self._tokens = self._lexed(text, at)
            if not self._tokens:
                raise self._wrong("missing value for command", at)
            first = self._tokens[0]
            if first.kind == "word" and first.text in ("end", "else"):
                self._tokens.pop(0)
                return block, first
            block.parts.append(self._action(first))
            if self._tokens:
                raise self._wrong(f'unexpected "{self._tokens[0].text}" in command', at)
        return block, None

    def _action(self, first: Token) -> Pipeline | Branch | Jump:
        if first.kind == "word" and first.text in LEFT_OUT:
            raise self._wrong(f"{{{{{first.text}}}}} is not known to %docker", first.at)
        if first.kind != "word" or first.text not in KEYWORDS:
            return self._pipeline("command")
        self._tokens.pop(0)
        if first.text in ("break", "continue"):
            if not self._ranges:
                raise self._wrong(f"{{{{{first.text}}}}} outside {{{{range}}}}", first.at)
            return Jump(first.text)
        return self._branch(first)

    def _branch(self, first: Token) -> Branch:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("too many blocks in blocks", first.at)
        known = len(self._variables)
        pipeline = self._pipeline(first.text, first.text == "range")
        self._ranges += first.text == "range"
        body, ended = self._block()
        self._ranges -= first.text == "range"
        other = Block()
        if ended and ended.text == "else":
            self._space()
            if self._tokens and self._tokens[0].text in ("if", "with"):
                other.parts.append(self._branch(self._tokens.pop(0)))
                return self._made(Branch(first.text, pipeline, body, other), known)
            other, ended = self._block()
        if not ended:
            raise self._wrong("unexpected EOF", len(self._source))
        if ended.text != "end":
            raise self._wrong("expected end; found {{else}}", ended.at)
        return self._made(Branch(first.text, pipeline, body, other), known)

    def _made(self, branch: Branch, known: int) -> Branch:
        """What is declared in a branch is not known behind it."""
        self._depth -= 1
        del self._variables[known:]
        return branch

    # Pipelines

    def _lexed(self, text: str, start: int) -> list[Token]:
        tokens, at = [], 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                char = text[at]
                if char in "\"`'":
                    raise self._wrong("unterminated quoted string", start)
                raise self._wrong(f"bad character U+{ord(char):04X} {char!r}", start)
            kind = str(found.lastgroup)
            tokens.append(Token(kind, found[0], start + at))
            at = found.end()
            if kind == "field" and text[at : at + 1] not in ("", *" \t\r\n.,|:()="):
                raise self._wrong(f"bad character U+{ord(text[at]):04X} {text[at]!r}", start)
        while tokens and tokens[-1].kind == "space":
            tokens.pop()
        self._last = tokens[-1].at + len(tokens[-1].text) if tokens else start
        return tokens[1:] if tokens and tokens[0].kind == "space" else tokens

    def _space(self) -> None:
        while self._tokens and self._tokens[0].kind == "space":
            self._tokens.pop(0)

    def _pipeline(self, where: str, ranges: bool = False) -> Pipeline:
        self._space()
        declares, assigns = self._declared(ranges)
        commands: list[tuple[Word, ...]] = []
        words: list[Word] = []
        while True:
            self._space()
            token = self._tokens[0] if self._tokens else None
            if token is None or (token.text in (")", "|") and token.kind == "mark"):
                at = token.at if token else len(self._source)
                if not words and token and token.text == "|":
                    raise self._wrong('unexpected "|" in command', at)
                if words:
                    commands.append(tuple(words))
                if not commands:
                    raise self._wrong(f"missing value for {where}", at)
                words = []
                if token is None or token.text == ")":
                    return Pipeline(tuple(commands), declares, assigns)
                self._tokens.pop(0)
            else:
                words.append(self._word())

    def _declared(self, ranges: bool) -> tuple[tuple[str, ...], bool]:
        """``$x :=``, and of range ``$i, $x :=``."""
        plain = [token for token in self._tokens if token.kind != "space"][:4]
        kinds = [token.kind if token.kind != "mark" else token.text for token in plain]
        for count, shape in ((1, ["variable"]), (3, ["variable", ",", "variable"])):
            if kinds[: count + 1] != [*shape, "declare"] or (count == 3 and not ranges):
                continue
            declare = plain[count]
            while self._tokens.pop(0) is not declare:
                pass
            names = tuple(token.text for token in plain[:count] if token.kind == "variable")
            if declare.text == "=":
                self._known(names[0], declare.at)
            else:
                self._variables += names
            return names, declare.text == "="
        return (), False

    def _known(self, name: str, at: int) -> str:
        if name not in self._variables:
            raise self._wrong(f'undefined variable "{name}"', at)
        return name

    def _word(self) -> Word:
        token = self._tokens.pop(0)
        kind, value = self._operand(token)
        fields = [token.text[1:]] if token.kind == "field" else []
        at = token.at
        while self._tokens and self._tokens[0].kind == "field":
            following = self._tokens.pop(0)
            # Go gives a chain the place of its second part.
            at = following.at if len(fields) == (token.kind == "field") else at
            fields.append(following.text[1:])
        end = self._tokens[0].at if self._tokens else self._last
        return Word(kind, value, tuple(fields), at, self._source[token.at : end].strip())

    def _operand(self, token: Token) -> tuple[str, Any]:
        if token.kind in ("field", "dot"):
            return "dot", None
        if token.kind == "variable":
            return "variable", self._known(token.text, token.at)
        if token.kind == "word":
            if token.text in ("true", "false"):
                return "constant", token.text == "true"
            return ("nil", None) if token.text == "nil" else ("function", token.text)
        if token.kind == "string":
            return "constant", self._string(token)
        if token.kind == "char":
            return "constant", ord(self._string(Token("string", f'"{token.text[1:-1]}"', token.at)))
        if token.kind == "number":
            return "constant", _number(token.text)
        if token.text == "(":
            return "pipeline", self._parenthesised(token)
        raise self._wrong(f'unexpected "{token.text}" in command', token.at)

    def _parenthesised(self, token: Token) -> Pipeline:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("too many parentheses in parentheses", token.at)
        inner = self._pipeline("parenthesized pipeline")
        if not self._tokens:
            raise self._wrong("unclosed left paren", token.at)
        self._tokens.pop(0)
        self._depth -= 1
        return inner

    def _string(self, token: Token) -> str:
        if token.text[0] == "`":
            return token.text[1:-1]
        # Go's escapes that JSON lacks.
        text = re.sub(r"\\(?:x([0-9a-fA-F]{2})|U([0-9a-fA-F]{8}))", _escape, token.text)
        text = re.sub(
            r"\\([av'])", lambda it: {"a": "\\u0007", "v": "\\u000b", "'": "'"}[it[1]], text
        )
        try:
            return str(json.loads(text, strict=False))
        except ValueError:
            raise self._wrong("invalid syntax", token.at) from None


def _escape(found: re.Match[str]) -> str:
    number = int(found[1] or found[2], 16)
    return json.dumps(chr(number))[1:-1] if number <= 0x10FFFF else "\\u"


def _number(text: str) -> int | float:
    try:
        return int(text, 0) if "x" in text.lower() else int(text)
    except ValueError:
        return float(text)
