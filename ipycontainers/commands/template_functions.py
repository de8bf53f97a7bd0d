"""What a template can call, and how Go prints a value.

Knows: Go's built-in functions, docker's own (json, join, split, upper …), Go's fmt.
Does not know: templates.
"""

from __future__ import annotations

import html
import json as encoding
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import quote_plus

from .columns import quoted
from .template_syntax import TemplateError

WIDEST = 10_000  # columns that %…s or pad may ask for


class Struct(dict[str, Any]):
    """A map with Go's face of a struct: {1 two true}. ``type`` is Go's name of it."""

    type = "struct"

    def field(self, name: str) -> Any:
        """Raises KeyError for one that there is not."""
        return self[name]

    def printed(self) -> Iterable[Any]:
        """Its values as %v has them, in their order."""
        return self.values()


class Nil:
    """A pointer to nothing, which prints as <nil>."""

    def __bool__(self) -> bool:
        return False


NIL = Nil()


class Map(dict[str, Any]):
    """A map all of whose values have one type in Go, and ``zero`` is what index gives for a key
    that it has not."""

    zero: Any = ""
    key: str = ""  # Go's type of the keys, where it is no string: then index takes none


class NilMap(Map):
    """Nothing where a map may be: {{.}} is map[], and its JSON null."""


class NilList(list[Any]):
    """Nothing where a list may be: {{.}} is [], and its JSON null."""


def printed(value: Any) -> str:
    """As {{value}} shows it."""
    return "<no value>" if value is None else shown(value)


def shown(value: Any) -> str:
    """As Go's %v does."""
    if value is None or value is NIL:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _real(value)
    if isinstance(value, Struct):
        return "{" + " ".join(map(shown, value.printed())) + "}"
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{shown(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(map(shown, value)) + "]"
    return str(value)


def _real(value: float) -> str:
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return re.sub(r"e([+-])(\d)$", r"e\g<1>0\2", repr(value))


# --- Go's own ------------------------------------------------------------------------------------


def is_true(value: Any) -> bool:
    """What Go's if takes for true: what is not empty; a struct always is."""
    return isinstance(value, Struct) or bool(value)


def _undecided(value: Any, *_: Any) -> Any:
    """and and or of one value; of several, the template looks at one after the other."""
    return value


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Map) and value.key:
            raise TemplateError(f"value has type {_type(key)}; should be {value.key}")
        if isinstance(value, Mapping):
            value = value.get(key, value.zero if isinstance(value, Map) else None)
        elif isinstance(value, (list, tuple, str)):
            if isinstance(key, bool) or not isinstance(key, int):
                raise TemplateError(f"cannot index slice/array with type {_type(key)}")
            if not 0 <= key < len(value):
                raise TemplateError(f"index out of range: {key}")
            value = ord(value[key]) if isinstance(value, str) else value[key]
        elif value is None:
            raise TemplateError("index of untyped nil")
        else:
            raise TemplateError(f"can't index item of type {_type(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    first, last = [*bounds, 0, len(value)][:2] if not bounds else [*bounds, len(value)][:2]
    if not 0 <= first <= last <= len(value):
        raise TemplateError(f"index out of range: {last}")
    return value[first:last]


def _len(value: Any) -> int:
    if value is None:
        raise TemplateError("len of nil pointer")
    if isinstance(value, (bool, int, float)):
        raise TemplateError(f"len of type {_type(value)}")
    return len(value.encode()) if isinstance(value, str) else len(value)


def _eq(first: Any, *others: Any) -> bool:
    if not others:
        raise TemplateError("missing argument for comparison")
    return any(_comparable(first, one) and first == one for one in others)


def _ne(first: Any, second: Any) -> bool:
    return not _eq(first, second)


def _comparable(first: Any, second: Any) -> bool:
    if None in (first, second):
        return True
    if _kind(first) is _kind(second):
        return True
    raise TemplateError("incompatible types for comparison")


def _kind(value: Any) -> type:
    kinds = (bool, int, float, str)
    return next((kind for kind in kinds if isinstance(value, kind)), type(value))


def _ordered(decide: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(first: Any, second: Any) -> bool:
        if first is None or second is None or not _comparable(first, second):
            raise TemplateError("invalid type for comparison")
        return decide(first, second)

    return compare


_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d*)(?:\.(?P<digits>\d+))?(?P<verb>.)", re.DOTALL
)


def _printf(layout: str, *values: Any) -> str:
    rest = list(values)

    def put(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb == "%":
            return "%"
        if not rest:
            return f"%!{verb}(MISSING)"
        if int(found["width"] or 0) > WIDEST or int(found["digits"] or 0) > WIDEST:
            raise TemplateError("the width is too large")
        return _formatted(found, verb, rest.pop(0))

    text = _VERB.sub(put, layout)
    if rest:
        more = ", ".join(f"{_type(one)}={shown(one)}" for one in rest)
        return f"{text}%!(EXTRA {more})"
    return text


def _formatted(found: re.Match[str], verb: str, value: Any) -> str:
    flags, width, digits = found["flags"], int(found["width"] or 0), found["digits"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if verb in "dxXob" and isinstance(value, int) and not isinstance(value, bool):
        text = format(value, verb)
    elif verb in "feEgG" and is_number:
        text = format(float(value), f".{digits}{verb}" if digits else verb)
    elif verb == "q" and isinstance(value, str):
        text = quoted(value)
    elif verb in "vs" and not (verb == "s" and (is_number or isinstance(value, bool))):
        text = shown(value)
        text = text[: int(digits)] if digits and isinstance(value, str) else text
    elif (verb == "t" and isinstance(value, bool)) or verb == "v":
        text = shown(value)
    elif verb in "xX" and isinstance(value, str):
        text = value.encode().hex() if verb == "x" else value.encode().hex().upper()
    elif verb == "c" and isinstance(value, int):
        text = chr(value)
    elif verb == "T":
        text = _type(value)
    else:
        return f"%!{verb}({_type(value)}={shown(value)})"
    if "-" in flags:
        return text.ljust(width)
    return text.zfill(width) if "0" in flags and is_number else text.rjust(width)


def _type(value: Any) -> str:
    return {bool: "bool", int: "int", float: "float64", str: "string"}.get(
        type(value), "interface {}"
    )


def _print(*values: Any) -> str:
    """With blanks where neither side is text, as fmt.Sprint has it."""
    text = ""
    for at, value in enumerate(values):
        if at and not isinstance(value, str) and not isinstance(values[at - 1], str):
            text += " "
        text += shown(value)
    return text


def _println(*values: Any) -> str:
    return " ".join(map(shown, values)) + "\n"


# --- docker's ------------------------------------------------------------------------------------


def json(value: Any) -> str:
    """As docker's json function writes it: with nothing between its parts. A row of a table, as
    a whole, has no characters of HTML."""
    text = encoding.dumps(_without_nil(value), separators=(",", ":"), ensure_ascii=False)
    if hasattr(value, "plain"):
        for char in "<>&":
            text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _without_nil(value: Any) -> Any:
    if value is NIL or isinstance(value, (NilMap, NilList)):
        return None
    value = value.plain() if hasattr(value, "plain") else value
    if isinstance(value, dict):
        # Go's maps have their keys in order, its structs have their fields in theirs.
        keys = value if isinstance(value, Struct) else sorted(value)
        return {key: _without_nil(value[key]) for key in keys}
    return [_without_nil(one) for one in value] if isinstance(value, (list, tuple)) else value


def _split(text: str, separator: str) -> list[str]:
    if not isinstance(text, str):
        raise TypeError
    return text.split(separator) if separator else list(text)


def _join(values: Any, separator: str) -> str:
    if not isinstance(values, (list, tuple)) and values is not None:
        raise TypeError
    return separator.join(map(str, values or ()))


def _text(change: Callable[[str], str]) -> Callable[[Any], str]:
    def changed(text: Any) -> str:
        if not isinstance(text, str):
            raise TypeError
        return change(text)

    return changed


def _title(text: str) -> str:
    return re.sub(r"(?<!\w)\w", lambda found: found[0].upper(), text)


def _pad(text: str, before: int, after: int) -> str:
    if before + after > WIDEST:
        raise TemplateError("the width is too large")
    return f"{' ' * before}{text}{' ' * after}" if text else text


def _truncate(text: str, length: int) -> str:
    return text[:length] if len(text) > length else text


BUILT_IN: Mapping[str, Callable[..., Any]] = {
    "and": _undecided,
    "or": _undecided,
    "not": lambda value: not is_true(value),
    "eq": _eq,
    "ne": _ne,
    "lt": _ordered(lambda first, second: first < second),
    "le": _ordered(lambda first, second: first <= second),
    "gt": _ordered(lambda first, second: first > second),
    "ge": _ordered(lambda first, second: first >= second),
    "index": _index,
    "slice": _slice,
    "len": _len,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "html": lambda *values: (
        html.escape(_print(*values)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
    ),
    "urlquery": lambda *values: quote_plus(_print(*values)),
    "json": json,
    "split": _split,
    "join": _join,
    "title": _text(_title),
    "lower": _text(str.lower),
    "upper": _text(str.upper),
    "pad": _pad,
    "truncate": _truncate,
}
