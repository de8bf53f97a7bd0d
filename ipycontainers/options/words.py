"""From the line of a magic to words, and from words to values.

``split`` cuts the line into words as a shell would, ``expand`` then puts Python
values in place of ``{name}`` and ``{expression}``. The order matters: a value with
blanks or quotes in it stays one word, so a path or a password cannot turn into options.

    -v "C:\\my data:/data:ro"     quotes group; a backslash stays, as Windows paths need
    -e 'A={path / "x"}'           quote a word whose expression has blanks or quotes
    --format '{{.Names}}' $HOME   double braces and $name stay as typed

An expanded word remembers what was typed: a command that is shown to people shows
``{token}`` and not the token.

Knows: quoting and braces. Does not know: options.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType
from typing import TYPE_CHECKING

from ipycontainers.errors import Invalid

if TYPE_CHECKING:
    from typing_extensions import Self

_BLANK = " \t\r\n"
_QUOTES = "'\""


class Word(str):
    """A word in which braces were replaced.

    ``pieces`` are the places where: (start, end, what was typed there), in order.
    """

    pieces: tuple[tuple[int, int, str], ...]

    def __new__(cls, text: str, pieces: Iterable[tuple[int, int, str]] = ()) -> Self:
        word = super().__new__(cls, text)
        word.pieces = tuple(pieces)
        return word


def behind(word: str, start: int) -> str:
    """``word[start:]``, which remembers what was typed. A value that is cut was typed whole."""
    pieces = [
        (max(at - start, 0), end - start, typed)
        for at, end, typed in getattr(word, "pieces", ())
        if end > start or at == end == start
    ]
    return Word(word[start:], pieces) if pieces else word[start:]


def as_typed(word: str, end: int | None = None) -> str:
    """What was typed for ``word[:end]``, with all of a value that begins before ``end``."""
    end = len(word) if end is None else end
    done, at = "", 0
    for start, stop, typed in getattr(word, "pieces", ()):
        if start < end or start == stop == end:
            done, at = done + word[at:start] + typed, stop
    return done + word[at : max(at, end)]


def check_text(text: str, what: str) -> None:
    """Raises Invalid for what neither JSON nor a program's arguments can hold.

    That is NUL, and half of a character, as which Python reads bytes that are no UTF-8.
    The message does not quote the text, which may be a secret.
    """
    try:
        text.encode()
        wrong = "\0" if "\0" in text else ""
    except UnicodeEncodeError as err:
        wrong = text[err.start]
    if wrong:
        raise Invalid(
            f"{what} holds {wrong!a}, which is no character of a text",
            "bytes that are no text reach a program in a file: --stdin, -v or --here",
        )


def split(line: str) -> list[str]:
    """The words of ``line``.

    '…' keeps everything, "…" everything but ``\\"`` and ``\\\\``; outside quotes a
    backslash makes a blank or a quote ordinary and is itself ordinary elsewhere.
    So every ``shlex.quote(word)`` comes back as ``word``, and C:\\Users\\me does too.
    Raises Invalid for a quote that is never closed.
    """
    words: list[str] = []
    word: str | None = None  # None: between words; "" is a word: ''
    at = 0
    while at < len(line):
        char = line[at]
        if char in _BLANK:
            if word is not None:
                words.append(word)
            word, at = None, at + 1
        elif char in _QUOTES:
            text, at = _quoted(line, at)
            word = (word or "") + text
        elif char == "\\" and line[at + 1 : at + 2] and line[at + 1] in _BLANK + _QUOTES:
            word, at = (word or "") + line[at + 1], at + 2
        else:
            word, at = (word or "") + char, at + 1
    return words if word is None else [*words, word]


def _quoted(line: str, start: int) -> tuple[str, int]:
    quote, text, at = line[start], "", start + 1
    while at < len(line):
        char = line[at]
        if char == quote:
            return text, at + 1
        if quote == '"' and char == "\\" and line[at + 1 : at + 2] in ('"', "\\"):
            at += 1
            char = line[at]
        text, at = text + char, at + 1
    raise Invalid(
        f"the quote {quote} before {line[start + 1 : start + 20]!r} is never closed",
        f"close it with another {quote}, or write \\{quote} for the character itself",
    )


def expand(
    words: Iterable[str], namespace: dict[str, object], *, spread: bool = False
) -> list[str]:
    """``words`` with ``str(value)`` in place of each ``{name}`` and ``{expression}``.

    With ``spread`` a word that is one of these, whose value is a list of texts, becomes a word
    for each of them: ``rm {ids}``.

    Where something was replaced the word is a ``Word``; ``as_typed`` has its braces.

    As typed stay: ``{{…}}``, ``$name`` and ``${name}``; text in braces that is no Python
    expression, as in JSON and awk's ``{print $1}``; a mere literal, as in the regular
    expression ``[0-9]{2,3}``; and the bare name of something callable, as in awk's
    ``{print}`` and ``{exit}``. Raises Invalid for an undefined name or a failing expression.
    """
    found: list[str] = []
    for word in words:
        items = _items(word, namespace) if spread else None
        found += [_expand(word, namespace)] if items is None else items
    return found


def _items(word: str, namespace: dict[str, object]) -> list[str] | None:
    """What a word that is one expression in braces becomes: the texts of a list, or one."""
    if not (word.startswith("{") and word.endswith("}")) or word.startswith("{{"):
        return None
    source = word[1:-1].strip()
    code = _expression(source)
    if code is None:
        return None
    value = _evaluated(source, code, namespace)
    if isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value):
        return [str(one) for one in value]
    text = _text(source, value)
    return None if text is None else [Word(text, [(0, len(text), word)])]


def _expand(word: str, namespace: dict[str, object]) -> str:
    done, at = "", 0
    pieces = []
    while (start := word.find("{", at)) >= 0:
        text, end = _braces(word, start, namespace)
        done, at = done + word[at:start] + text, end
        if text != word[start:end]:
            pieces.append((len(done) - len(text), len(done), word[start:end]))
    return Word(done + word[at:], pieces) if pieces else word


def _braces(word: str, start: int, namespace: dict[str, object]) -> tuple[str, int]:
    """What the brace at ``start`` becomes, and where the word goes on."""
    if word.startswith("{{", start):
        end = word.find("}}", start)
        end = start if end < 0 else end
        return word[start : end + 2], end + 2
    if word[start - 1 : start] != "$":
        end = start
        while (end := word.find("}", end + 1)) >= 0:
            # A brace inside a string or a dict closes nothing: the first text that parses wins.
            source = word[start + 1 : end].strip()
            if (code := _expression(source)) is not None:
                value = _text(source, _evaluated(source, code, namespace))
                return (word[start : end + 1] if value is None else value), end + 1
    end = _closing(word, start)
    return word[start:end], end


def _expression(source: str) -> CodeType | None:
    """The compiled expression, or None if ``source`` is none or only a literal."""
    if not source:
        return None
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in text that is not ours to judge
            tree = ast.parse(source, mode="eval")
            code = compile(tree, "<magic line>", "eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    try:
        ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return code
    return None


def _text(source: str, value: object) -> str | None:
    """None for the bare name of something callable."""
    if source.isidentifier() and callable(value):
        return None
    try:
        return str(value)
    except Exception as err:
        raise _failed(source, err) from err


def _evaluated(source: str, code: CodeType, namespace: dict[str, object]) -> object:
    try:
        return eval(code, namespace)
    except NameError as err:
        name = getattr(err, "name", None) or source
        raise Invalid(
            f"the Python name {name!r} is not defined, in {{{source}}}",
            "define it in a cell above; a word whose expression has quotes or blanks "
            "needs quotes around it; {{ }} stay as typed",
        ) from err
    except Exception as err:
        raise _failed(source, err) from err


def _failed(source: str, error: Exception) -> Invalid:
    return Invalid(
        f"{{{source}}} failed: {type(error).__name__}: {error}",
        "braces hold a Python expression; {{ }} stay as typed",
    )


def _closing(word: str, start: int) -> int:
    """Behind the brace that balances the one at ``start``; without one, behind that one."""
    depth = 0
    for at in range(start, len(word)):
        depth += {"{": 1, "}": -1}.get(word[at], 0)
        if not depth:
            return at + 1
    return start + 1
