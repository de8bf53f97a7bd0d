"""Which program reads a cell, and how it gets the cell's text.

``choose`` picks the program: the words after IMAGE; else the cell's ``#!`` line;
else the image's own default command when that is a known interpreter; else
``/bin/sh``. ``Interpreter.invocation`` then says how the text travels: sh and
Python take it as an argument, or as a file when it is too long for one; every
other program gets it on standard input, as ``%%script`` does.

Knows: command lines of interpreters. Does not know: engines, options, IPython.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Linux takes 131,072 bytes for one argument (MAX_ARG_STRLEN), its end mark included.
ARGUMENT_LIMIT = 131_072 - 1

# Where a text that is too long for an argument lies inside the container.
FILE_FOLDER = "/.ipycontainers"
FILE = FILE_FOLDER + "/cell"

_LANGUAGES = {
    "sh": re.compile(r"(?:ba|da|a|k|mk|z)?sh\d*"),
    "python": re.compile(r"(?:python|pypy)[\d.]*"),
    "javascript": re.compile(r"node(?:js)?|bun|deno"),
    "r": re.compile(r"R|Rscript"),
    "julia": re.compile(r"julia"),
    "ruby": re.compile(r"ruby[\d.]*"),
    "perl": re.compile(r"perl[\d.]*"),
    "php": re.compile(r"php[\d.]*"),
    "lua": re.compile(r"lua[\d.]*"),
}

# What a program needs, named without arguments, to read its text from standard input ...
_STDIN_ARGUMENTS = {
    "R": ("--no-echo", "--no-save", "--no-restore"),
    "Rscript": ("-",),
    "awk": ("-f", "-"),
    "sed": ("-f", "-"),
}
# ... and before the name of a file.
_FILE_ARGUMENTS = {"awk": ("-f",), "sed": ("-f",), "R": ("--no-echo", "--no-save", "-f")}

# Options that take the next word with them, so that it is not a script's name.
_OPTIONS_WITH_VALUE = {"sh": {"-o", "+o", "-O", "+O"}, "python": {"-W", "-X"}}


@dataclass(frozen=True)
class Invocation:
    """How the program is started: ``entrypoint`` and ``command`` are argument lists.

    ``stdin`` is what it reads on standard input, ``file`` what must lie at
    ``FILE`` before it starts; at most one of the two is there.
    """

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    stdin: bytes | None = None
    file: bytes | None = None


def file_archive(text: bytes, folder: str) -> bytes:
    """A tar that, unpacked in ``folder`` ("/" or FILE_FOLDER), puts the text at FILE, where
    every user may read it."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        if folder == "/":
            above = tarfile.TarInfo(FILE_FOLDER.lstrip("/"))
            above.type, above.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(above)
        entry = tarfile.TarInfo(posixpath.relpath(FILE, folder))
        entry.size, entry.mode = len(text), 0o444
        tar.addfile(entry, io.BytesIO(text))
    return buffer.getvalue()


@dataclass(frozen=True)
class Interpreter:
    """A program and its arguments; ``language`` is "" where it is not a known one."""

    words: tuple[str, ...]
    language: str

    @classmethod
    def of(cls, words: Sequence[str]) -> Interpreter:
        return cls(tuple(words), language_of(words))

    def invocation(self, body: str, *, stdin_taken: bool = False) -> Invocation:
        """How ``body`` reaches the program, byte for byte.

        With ``stdin_taken`` standard input belongs to somebody else, or nobody
        is there to feed it, and every program gets a file.
        """
        text = encoded(body, "the cell")
        program, arguments = self.words[:1], self.words[1:]
        name = posixpath.basename(program[0])
        if self._takes_argument():
            if len(text) <= ARGUMENT_LIMIT and b"\0" not in text and text == body.encode(*_LOSSY):
                # "--" keeps a text that begins with "-" from being read as an option.
                flags = ("-c", "--") if self.language == "sh" else ("-c",)
                return Invocation(program, (*arguments, *flags, body))
            return Invocation(program, (*arguments, FILE), file=text)
        if stdin_taken:
            before = arguments or _FILE_ARGUMENTS.get(name, ())
            return Invocation(program, (*before, FILE), file=text)
        return Invocation(program, arguments or _STDIN_ARGUMENTS.get(name, ()), stdin=text)

    def _takes_argument(self) -> bool:
        """Whether all words after the program are plain options, so that -c may follow."""
        if self.language not in ("sh", "python"):
            return False
        words = list(_after_program(self.words))
        with_value = _OPTIONS_WITH_VALUE[self.language]
        while words:
            word = words.pop(0)
            if word in with_value and words:
                words.pop(0)
            elif len(word) < 2 or word[0] not in "-+" or word == "--":
                return False
            elif word[:2] != "--" and set(word[1:]) & set("cs" if self.language == "sh" else "cm"):
                # bash -euo pipefail: a group that ends in o takes the next word.
                return False
            elif self.language == "sh" and word[:2] != "--" and word.endswith("o") and words:
                words.pop(0)
        return True


# How text that is no UTF-8 would arrive in an argument, which travels as JSON.
_LOSSY = ("utf-8", "replace")


def encoded(text: str, whose: str) -> bytes:
    """The text's bytes; those that Python read as surrogate escapes are themselves again.

    ``whose`` begins the message of the Invalid that half a character raises.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise Invalid(
            f"{whose} holds {text[error.start]!a}, half of a character, which has no bytes",
            "write the whole character",
        ) from None


def _after_program(words: Sequence[str]) -> Sequence[str]:
    """The words that the interpreter itself gets: behind env and busybox."""
    name = posixpath.basename(words[0])
    if name in ("env", "busybox") and len(words) > 1 and not words[1].startswith("-"):
        return _after_program(words[1:])
    return words[1:]


def language_of(words: Sequence[str]) -> str:
    """The language that a command line interprets, or "".

    >>> language_of(["/usr/bin/env", "python3", "-u"])
    'python'
    """
    if not words:
        return ""
    program = words[len(words) - len(_after_program(words)) - 1]
    name = posixpath.basename(program).removesuffix(".exe")
    return next((lang for lang, form in _LANGUAGES.items() if form.fullmatch(name)), "")


def choose(words: Sequence[str], body: str, image_config: Mapping[str, object]) -> Interpreter:
    """The interpreter of a cell; ``image_config`` is the Config of an inspected image."""
    if words:
        return Interpreter.of(words)
    if line := of_shebang(body):
        return Interpreter.of(line)
    return Interpreter.of(of_image(image_config) or ("/bin/sh",))


def of_shebang(body: str) -> tuple[str, ...]:
    """The words of a ``#!`` line, without env's -S, which only splits them."""
    if not body.startswith("#!"):
        return ()
    line = body[2:].split("\n", 1)[0]
    words = line.split()
    if len(words) > 2 and posixpath.basename(words[0]) == "env" and words[1] == "-S":
        words = [words[0], *words[2:]]
    return tuple(words)


def of_image(config: Mapping[str, object]) -> tuple[str, ...]:
    """The image's own default command when that is a bare known interpreter, else ().

    An ENTRYPOINT script that only prepares something (docker-entrypoint.sh, as
    node's and julia's images have it) does not count; a command with arguments
    is an application, not an interpreter.
    """
    command = _words(config.get("Cmd"))
    entrypoint = _words(config.get("Entrypoint"))
    for words in (command, entrypoint):
        if len(words) == 1 and language_of(words):
            return words
    return ()


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in value) if isinstance(value, (list, tuple)) else ()


# What an interpreter says of a text in another language ...
_COMPLAINTS = {
    "sh": re.compile(r"not found|[Ss]yntax error|unexpected|[Uu]nterminated"),
    "python": re.compile(r"SyntaxError|IndentationError|NameError"),
    "javascript": re.compile(r"SyntaxError|ReferenceError"),
}
# ... and what such a text looks like.
_LOOKS_LIKE = {
    "sh": re.compile(
        r"^\s*(?:echo|ls|cd|cat|export|mkdir|rm|cp|mv|grep|sed|apt(?:-get)?|apk|pip|curl|wget) ?"
        r"(?![=(.])|^\s*(?:fi|done|esac)\b|^if \[|\$\(",
        re.MULTILINE,
    ),
    "python": re.compile(
        r"^(?:import \w|from \w[\w.]* import |def \w+\(|class \w+|print\(|(?:with|for) .*:\s*$)",
        re.MULTILINE,
    ),
}


def wrong_language_hint(interpreter: Interpreter, body: str, error_text: str, image: str) -> str:
    """One sentence when the text seems to be in another language than its interpreter's, or ""."""
    complaint = _COMPLAINTS.get(interpreter.language)
    if not complaint or not complaint.search(error_text):
        return ""
    program = shlex.join(interpreter.words)
    other, name = ("python", "python3") if interpreter.language == "sh" else ("sh", "sh")
    own = _LOOKS_LIKE.get(interpreter.language)
    if _LOOKS_LIKE[other].search(body) and not (own and own.search(body)):
        kind = "Python" if other == "python" else "a shell"
        return f"{program} read this cell; for {kind} write: %%container {image} {name}"
    return ""
