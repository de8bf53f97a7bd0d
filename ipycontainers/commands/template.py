"""Go's templates over plain Python, as --format of the docker command has them.

    Template("{{.Names}}: {{.Status | upper}}").of({"Names": "web", "Status": "up"})
    → "web: UP"

A dict is a map; a ``Struct`` prints as Go's structs do; a ``Record`` has fields that are
computed when they are asked for. What a container or an image says is data here: nothing of it
is a template.

Knows: how Go evaluates and prints. Does not know: what the values are of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from inspect import Parameter, signature
from typing import Any

from .template_functions import BUILT_IN, NIL, Struct, is_true, printed, shown
from .template_syntax import Block, Branch, Jump, Pipeline, TemplateError, Word, parse

__all__ = ["Record", "Template", "TemplateError"]

LARGEST = 64 << 20  # characters that a template may make


class Record:
    """One thing of a table: its fields by name, each a function of the thing.

    ``type`` is Go's name of it, for errors. A field whose value is callable takes arguments.
    """

    def __str__(self) -> str:
        return shown(self.plain())

    def __init__(self, thing: Any, fields: Mapping[str, Callable[[Any], Any]], type: str) -> None:  # noqa: A002
        self._thing = thing
        self._fields = fields
        self.type = type

    def field(self, name: str) -> Any:
        """Raises KeyError for one that there is not."""
        return self._fields[name](self._thing)

    def plain(self) -> dict[str, Any]:
        """All of them by name, but for those that take arguments."""
        values = {name: self.field(name) for name in sorted(self._fields)}
        return {name: value for name, value in values.items() if not callable(value)}


class Template:
    """Raises TemplateError where the text is no template."""

    def __init__(
        self,
        text: str,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        *,
        strict: bool = False,
        name: str = "",
    ) -> None:
        """``functions`` go before Go's and docker's own; ``strict`` refuses an unknown key;
        ``name`` is the template's, in errors."""
        self._text = text
        self._name = name
        self._functions = {**BUILT_IN, **(functions or {})}
        self._strict = strict
        self._block = parse(text, name)
        for word in _words(self._block):
            if word.kind == "function" and word.value not in self._functions:
                line = text.count("\n", 0, word.at) + 1
                raise TemplateError(f'template: {name}:{line}: function "{word.value}" not defined')

    def of(self, value: Any) -> str:
        """The text that it makes of a value. Raises TemplateError."""
        return self._run(value).text(self._block)

    def begun(self, value: Any) -> str:
        """The same, or what it made until it failed."""
        run = self._run(value)
        with suppress(TemplateError):
            run.text(self._block)
        return run.made()

    def _run(self, value: Any) -> _Run:
        return _Run(self._text, self._functions, self._strict, self._name, value)

    def names(self) -> list[str]:
        """The fields that stand in it, wherever, in their order."""
        found = (name for word in _words(self._block) for name in word.fields)
        return list(dict.fromkeys(found))


def _words(block: Block) -> Iterator[Word]:
    for part in block.parts:
        if isinstance(part, Pipeline):
            yield from _words_of(part)
        elif isinstance(part, Branch):
            yield from _words_of(part.pipeline)
            yield from _words(part.body)
            yield from _words(part.other)


def _words_of(pipeline: Pipeline) -> Iterator[Word]:
    for command in pipeline.commands:
        for word in command:
            yield word
            if isinstance(word.value, Pipeline):
                yield from _words_of(word.value)


class _Jumped(Exception):
    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


_NOTHING = object()


class _Run:
    """One use of a template."""

    def __init__(
        self,
        source: str,
        functions: Mapping[str, Callable[..., Any]],
        strict: bool,
        name: str,
        value: Any,
    ) -> None:
        self._name = name
        self._source = source
        self._functions = functions
        self._strict = strict
        self._variables: list[tuple[str, Any]] = [("$", value)]
        self._value = value
        self._made: list[str] = []
        self._length = 0

    def text(self, block: Block) -> str:
        self._walk(block, self._value)
        return self.made()

    def made(self) -> str:
        return "".join(self._made)

    def _write(self, text: str) -> None:
        self._length += len(text)
        if self._length > LARGEST:
            raise TemplateError("the template makes more than 64 MB")
        self._made.append(text)

    def _walk(self, block: Block, dot: Any) -> None:
        depth = len(self._variables)
        for part in block.parts:
            if isinstance(part, str):
                self._write(part)
            elif isinstance(part, Jump):
                raise _Jumped(part.word)
            elif isinstance(part, Branch):
                self._branch(part, dot)
            else:
                value = self._pipeline(part, dot)
                if not part.declares:
                    self._write(printed(value))
        del self._variables[depth:]

    def _branch(self, branch: Branch, dot: Any) -> None:
        depth = len(self._variables)
        if branch.word == "range":
            self._range(branch, dot)
        else:
            value = self._pipeline(branch.pipeline, dot)
            if is_true(value):
                self._walk(branch.body, value if branch.word == "with" else dot)
            else:
                self._walk(branch.other, dot)
        del self._variables[depth:]

    def _range(self, branch: Branch, dot: Any) -> None:
        plain = Pipeline(branch.pipeline.commands)
        pairs = self._pairs(self._pipeline(plain, dot), branch)
        names = branch.pipeline.declares
        depth = len(self._variables)
        for key, value in pairs:
            if len(names) == 2:
                self._variables += [(names[0], key), (names[1], value)]
            elif names:
                self._variables.append((names[0], value))
            try:
                self._walk(branch.body, value)
            except _Jumped as jumped:
                if jumped.word == "break":
                    break
            finally:
                del self._variables[depth:]
        if not pairs:
            self._walk(branch.other, dot)

    def _pairs(self, value: Any, branch: Branch) -> list[tuple[Any, Any]]:
        if value is None:
            return []
        if isinstance(value, Mapping):
            return sorted(value.items())
        if isinstance(value, (list, tuple)):
            return list(enumerate(value))
        last = branch.pipeline.commands[-1][0]
        raise self._failed(last, f"range can't iterate over {printed(value)}")

    # Values

    def _pipeline(self, pipeline: Pipeline, dot: Any) -> Any:
        value: Any = _NOTHING
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        for name in pipeline.declares:
            self._declare(name, value, pipeline.assigns)
        return value

    def _declare(self, name: str, value: Any, assigns: bool) -> None:
        if assigns:
            for at in range(len(self._variables) - 1, -1, -1):
                if self._variables[at][0] == name:
                    self._variables[at] = (name, value)
                    return
        self._variables.append((name, value))

    def _command(self, words: Sequence[Word], dot: Any, last: Any) -> Any:
        first, *rest = words
        more = [] if last is _NOTHING else [last]
        if first.kind == "function" and first.value in ("and", "or") and rest:
            return self._decided(first.value, rest, dot, more)
        if first.kind == "function":
            arguments = [self._word(word, dot) for word in rest] + more
            return self._call(first, self._functions[first.value], arguments, rest)
        if first.kind == "nil":
            raise self._failed(first, "nil is not a command")
        if not rest and not more:
            return self._word(first, dot)
        if not first.fields:
            raise self._failed(first, f"can't give argument to non-function {first.text}")
        *way, name = first.fields
        holder = self._fields(self._start(first, dot), way, first)
        member = self._field(holder, name, first)
        arguments = [self._word(word, dot) for word in rest] + more
        if not callable(member):
            if isinstance(holder, Record):  # whose fields are methods in Go
                text = f"wrong number of args for {name}: want 0 got {len(arguments)}"
                raise self._failed(first, text)
            raise self._failed(first, f"{name} is not a method but has arguments")
        return self._call(first, member, arguments, rest)

    def _decided(self, name: str, words: Sequence[Word], dot: Any, more: Sequence[Any]) -> Any:
        """What ``and`` or ``or`` makes of its arguments: those behind the one that decides are
        not looked at, so it may ask first whether there is what it then takes from."""
        value: Any = None
        for word in words:
            value = self._word(word, dot)
            if is_true(value) == (name == "or"):
                return value
        return more[0] if more else value

    def _call(
        self,
        word: Word,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        rest: Sequence[Word] = (),
    ) -> Any:
        """``rest`` are the words behind it, which an error tells."""
        name = word.fields[-1] if word.fields else word.value
        if wanted := _wanted(function, len(arguments)):
            raise self._failed(word, f"wrong number of args for {name}: {wanted}")
        try:
            value = function(*arguments)
        except TemplateError as error:
            text = " ".join(one.text for one in (word, *rest))
            raise self._failed(word, f"error calling {name}: {error}", text) from error
        except (
            TypeError,
            ValueError,
            IndexError,
            KeyError,
            AttributeError,
            OverflowError,
        ) as error:
            text = f"wrong type of arguments for {name}"
            raise self._failed(word, text) from error
        return self._fields(value, word.fields, word) if word.kind == "function" else value

    def _word(self, word: Word, dot: Any) -> Any:
        if word.kind == "function":
            return self._call(word, self._functions[word.value], ())
        value = self._fields(self._start(word, dot), word.fields, word)
        return self._call(word, value, ()) if callable(value) else value

    def _start(self, word: Word, dot: Any) -> Any:
        if word.kind == "variable":
            return next(it for name, it in reversed(self._variables) if name == word.value)
        if word.kind == "pipeline":
            return self._pipeline(word.value, dot)
        return dot if word.kind == "dot" else word.value

    def _fields(self, value: Any, names: Sequence[str], word: Word) -> Any:
        for name in names:
            value = self._field(value, name, word)
        return value

    def _field(self, value: Any, name: str, word: Word) -> Any:
        if isinstance(value, (Record, Struct)):
            try:
                return value.field(name)
            except KeyError:
                text = f"can't evaluate field {name} in type {value.type}"
                raise self._failed(word, text) from None
        if isinstance(value, Mapping):
            if self._strict and name not in value:
                raise self._failed(word, f'map has no entry for key "{name}"')
            return value.get(name)
        if value is None or value is NIL:
            raise self._failed(word, f"nil pointer evaluating interface {{}}.{name}")
        type_ = "interface {}" if self._strict else _go_type(value)
        raise self._failed(word, f"can't evaluate field {name} in type {type_}")

    def _failed(self, word: Word, reason: str, text: str = "") -> TemplateError:
        start = self._source.rfind("\n", 0, word.at) + 1
        line = self._source.count("\n", 0, word.at) + 1
        column = len(self._source[start : word.at].encode())
        at = f"{self._name}:{line}:{column}"
        where = f'template: {at}: executing "{self._name}" at <{text or word.text}>'
        return TemplateError(f"{where}: {reason}")


def _wanted(function: Callable[..., Any], count: int) -> str:
    """How many arguments a function takes, where these are not so many; else ""."""
    kinds = [one.kind for one in signature(function).parameters.values()]
    least = kinds.count(Parameter.POSITIONAL_OR_KEYWORD)
    if Parameter.VAR_POSITIONAL in kinds:
        return f"want at least {least} got {count}" if count < least else ""
    return f"want {least} got {count}" if count != least else ""


def _go_type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string", list: "[]interface {}"}
    return names.get(type(value), "interface {}")
