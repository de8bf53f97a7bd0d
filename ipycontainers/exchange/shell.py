"""Values for a shell and from it: exported variables, and files for what is no text.

    exports(values)     script to be read by the shell, and files that have to lie there first
    saving(names)       script that writes down what these variables are, for ``collect``

A value is exported as text: None is empty, True is true, a date is ISO 8601. What has no
text, or too much of it, is a file in ``files.FOLDER``, and the variable is its path. Back
comes text; but a variable that is the path of a file in that folder, or a name that only
such a file has, is that file's value.

Knows: quoting, what POSIX shells share. Does not know: engines, sessions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ipycontainers.errors import Invalid
from ipycontainers.interpreter import FILE_FOLDER

from . import files
from .archive import Archive
from .pack import Packed, unpack

# Linux takes 131,072 bytes for NAME=value with its end mark, so 131,067 for a name of three
# letters; and for all variables and arguments a quarter of the stack's limit, mostly 2 MiB.
VARIABLE_LIMIT = 131_072
EXPORTS_LIMIT = 1 << 20

SAVED = FILE_FOLDER + "/saved"
TEXT, PATH, UNSET = b"=", b"@", b"-"  # begin what is saved of a variable
OPEN = 0o1777  # whoever the container runs as may write


@dataclass(frozen=True)
class Exports:
    """``script`` is text for the shell, on as many lines as the values have. ``archive`` is to
    be unpacked in ``FILE_FOLDER`` before."""

    script: bytes
    archive: Archive


def exports(values: Mapping[str, Packed]) -> Exports:
    """Raises Invalid, naming the variable, where a shell can have none of that name."""
    archive, lines, left = Archive(), [], EXPORTS_LIMIT
    archive.add_folder("values", OPEN)
    archive.add_folder("saved", OPEN)
    for name, packed in values.items():
        check_name(name, "-i")
        text = _exported(name, packed)
        size = len(name) + 2 + len(text or b"")
        if text is None or size > min(VARIABLE_LIMIT, left):
            text = _filed(name, packed, archive).encode()
        else:
            left -= size
        lines.append(b"export " + name.encode() + b"=" + quoted(text) + b"\n")
    return Exports(b"".join(lines), archive)


def check_name(name: str, option: str) -> None:
    if not files.is_name(name):
        raise Invalid(
            f"{option} {name}: no variable of a shell can have this name",
            f"letters without accents, digits and _ make one: {option} other={name}"
            if option == "-i"
            else "",
        )


def quoted(text: bytes) -> bytes:
    """A word that every POSIX shell reads as these bytes, of which none is 0."""
    return b"'" + text.replace(b"'", b"'\\''") + b"'"


def _exported(name: str, packed: Packed) -> bytes | None:
    """The text of a value that is a single one, or None."""
    if packed.kind != "value":
        return None
    node: Any = packed.meta.get("tree")
    if isinstance(node, dict) and set(node) & {"array", "table", "series", "object", "dict"}:
        return None
    value = unpack(packed, name, limit=packed.size)  # the user's own may have any size
    if isinstance(value, (list, tuple, set, frozenset, dict, bytes, bytearray)):
        return None
    if files.tables_tag(value) or getattr(value, "shape", None):
        return None
    text = files.text_of(value).encode("utf-8", "surrogateescape")
    return None if b"\0" in text else text


def _filed(name: str, packed: Packed, archive: Archive) -> str:
    """Put the value into the archive; its path in the container."""
    if packed.kind == "path":
        called = str(packed.meta["name"])
        archive.add_tar(packed.data, "values")
        return f"{files.FOLDER}/{called}"
    suffix, parts = files.written(unpack(packed, name, limit=packed.size))
    archive.add(f"values/{name}{suffix}", *parts, mode=0o666)
    return f"{files.FOLDER}/{name}{suffix}"


_SAVE = """\
(
unset -f printf 2>/dev/null
{ set +efu; } 2>/dev/null
{{each}}
) 2>/dev/null
"""
_EACH = """\
if [ "${NAME+set}" ]; then
case $NAME in
FOLDER/?*/*) __ipyc_mark= ;;
FOLDER/?*) [ -e "$NAME" ] && __ipyc_mark=@ || __ipyc_mark= ;;
*) __ipyc_mark= ;;
esac
printf %s "${__ipyc_mark:-=}$NAME" >|SAVED/NAME
else
printf %s - >|SAVED/NAME
for __ipyc_one in FOLDER/NAME FOLDER/NAME.*; do
if [ -e "$__ipyc_one" ]; then printf %s "@$__ipyc_one" >|SAVED/NAME; break; fi
done
fi"""


def saving(names: Sequence[str]) -> str:
    """Commands that change nothing in the shell and write nothing to its streams."""
    for name in names:
        check_name(name, "-o")
    each = [
        _EACH.replace("FOLDER", files.FOLDER).replace("SAVED", SAVED).replace("NAME", name)
        for name in names
    ]
    return _SAVE.replace("{{each}}", "\n".join(each))
