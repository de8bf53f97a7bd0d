"""Words of a Dockerfile: where they end, and the variables and quotes in them.

    expand("$HOME/${X:-x}", {"HOME": "/root"})   "/root/x"
    split("A='b c' D=e")                         ["A='b c'", "D=e"]

What dockerd takes of a shell's language is $NAME, ${NAME}, ${NAME:-word}, ${NAME:+word},
${NAME:?word}, ${NAME?word}, both quotes and the escape character; anything else is an error.
https://docs.docker.com/reference/dockerfile/#environment-replacement

Knows: that language, and BuildKit's variant for here-documents. Does not know: instructions.
"""

from __future__ import annotations

from collections.abc import Mapping

from ipycontainers.errors import Invalid

from .quotes import quoted

SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)  # Go's unicode.IsSpace; str.isspace has four more
_SPECIAL = "@*#?-$!0"  # the shell's own parameters, which are no variable here
LARGEST = 1 << 20  # characters of values in one text; no variable of a program has as many
_DEEPEST = 100  # of ${a:-${b:-…}}: each level is a call here


def expand(text: str, environment: Mapping[str, str], escape: str = "\\") -> str:
    """``text`` as one word, variables replaced and quotes taken off. Invalid for bad syntax."""
    return _expanded(text, environment, escape)[0]


def expand_words(text: str, environment: Mapping[str, str], escape: str = "\\") -> list[str]:
    """The same, split at blanks that stand in no quotes, also at those of a variable's value."""
    return _expanded(text, environment, escape)[1]


def expand_document(text: str, environment: Mapping[str, str]) -> str:
    """A here-document of COPY or ADD: its quotes are text. A backslash goes, as in BuildKit,
    whatever it stands before. Invalid for bad syntax."""
    return _expanded(text, environment, "\\", has_quotes=False)[0]


def unquoted(text: str) -> str:
    """``text`` without its quotes and escapes; $ is a character as others are."""
    return _expanded(text, None, "\\")[0]


def split(text: str, escape: str = "\\") -> list[str]:
    """At blanks that are neither in quotes nor escaped; quotes and escapes stay."""
    words: list[str] = []
    word = quote = ""
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if character in SPACE and not quote:
            words += [word] if word else []
            word = ""
        elif character == escape and quote != "'":
            if position < len(text):  # at the very end it is dropped
                word += character + text[position]
            position += 1
        else:
            if character in "'\"" and quote in ("", character):
                quote = "" if quote else character
            word += character
    return [*words, word] if word else words


def _expanded(
    text: str, environment: Mapping[str, str] | None, escape: str, *, has_quotes: bool = True
) -> tuple[str, list[str]]:
    bare = text.removeprefix("\ufeff")  # which Go's scanner takes for a mark of the encoding
    try:
        return _Reader(bare, environment, escape, has_quotes).until("")
    except Invalid as error:
        raise Invalid(f"failed to process {quoted(text)}: {error}") from None


class _Gathered:
    """The one word and the many that are read at the same time."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.words: list[str] = []
        self._word: list[str] = []

    def add(self, text: str, *, splits: bool) -> None:
        self.text.append(text)
        if not splits:
            self._word += [text] if text else []  # each blank looks at all of them
            return
        for character in text:
            if character not in SPACE:
                self._word.append(character)
            elif "".join(self._word):
                self.words.append("".join(self._word))
                self._word.clear()

    def all(self) -> tuple[str, list[str]]:
        last = "".join(self._word)
        return "".join(self.text), [*self.words, last] if last else self.words


class _Reader:
    """One text, read once from left to right."""

    def __init__(
        self, text: str, environment: Mapping[str, str] | None, escape: str, has_quotes: bool
    ) -> None:
        self._text = text
        self._environment = environment
        self._escape = escape
        self._position = 0
        self._depth = self._size = 0
        self._special = {"$": self._dollar} if environment is not None else {}
        if has_quotes:
            self._special |= {"'": self._single, '"': self._double}

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        self._position += 1
        return self._text[self._position - 1 : self._position]

    def until(self, stop: str) -> tuple[str, list[str]]:
        """What comes before ``stop``, which is passed over; before the end, if that is ""."""
        gathered = _Gathered()
        while character := self._peek():
            if character == stop:
                self._next()
                return gathered.all()
            if special := self._special.get(character):
                gathered.add(special(), splits=character == "$")
                continue
            self._next()
            is_escaped = character == self._escape
            gathered.add(self._next() if is_escaped else character, splits=not is_escaped)
        if stop:
            raise Invalid(f"unexpected end of statement while looking for matching {stop}")
        return gathered.all()

    def _single(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            self._position = len(self._text)
            raise Invalid("unexpected end of statement while looking for matching single-quote")
        content = self._text[self._position + 1 : end]
        self._position = end + 1
        return content

    def _double(self) -> str:
        self._next()
        content: list[str] = []
        while (character := self._peek()) != '"':
            if not character:
                raise Invalid("unexpected end of statement while looking for matching double-quote")
            if special := self._special.get(character) if character == "$" else None:
                content.append(special())
                continue
            self._next()
            if character == self._escape and self._peek() in ("", '"', "$", self._escape):
                character = self._next()
            content.append(character)
        self._next()
        return "".join(content)

    def _dollar(self) -> str:
        self._next()
        if self._peek() != "{":
            name = self._name()
            return self._value(name) or "" if name else "$"
        self._next()
        if not self._peek():
            raise Invalid("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise Invalid("syntax error: bad substitution")
        name, character = self._name(), self._next()
        if character == "}":
            return self._value(name) or ""
        if character == "?":
            return self._required(name, self._word(), may_be_empty=True)
        if character != ":":
            raise Invalid("missing ':' in substitution")
        return self._modified(name, self._next(), self._word())

    def _modified(self, name: str, modifier: str, word: str) -> str:
        value = self._value(name) or ""
        if modifier == "+":
            return word if value else ""
        if modifier == "-":
            return value or word
        if modifier == "?":
            return self._required(name, word, may_be_empty=False)
        raise Invalid(f"unsupported modifier ({modifier}) in substitution")

    def _required(self, name: str, word: str, *, may_be_empty: bool) -> str:
        value = self._value(name)
        if value is None:
            raise Invalid(f"{name}: {word or 'is not allowed to be unset'}")
        if not value and not may_be_empty:
            raise Invalid(f"{name}: {word or 'is not allowed to be empty'}")
        return value

    def _word(self) -> str:
        """What stands before the closing brace."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Invalid(f"more than {_DEEPEST} substitutions in one another")
        try:
            return self.until("}")[0]
        except Invalid:
            if not self._peek():
                raise Invalid("syntax error: missing '}'") from None
            raise
        finally:
            self._depth -= 1

    def _name(self) -> str:
        start, first = self._position, self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._next()
        elif first and first in _SPECIAL:
            self._next()
        else:
            while (
                (character := self._peek()).isalpha() or character.isdecimal() or character == "_"
            ):
                self._next()
        return self._text[start : self._position]

    def _value(self, name: str) -> str | None:
        value = (self._environment or {}).get(name)
        self._size += len(value or "")
        if self._size > LARGEST:
            raise Invalid(f"variables of more than {LARGEST:,} characters")
        return value
