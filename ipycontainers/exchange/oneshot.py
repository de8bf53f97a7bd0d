"""A container that runs one cell: what lies in it before the start, what is fetched after.

    wrapped = wrap_python(text, values, wanted)
        wrapped.archive is unpacked in FILE_FOLDER, wrapped.code runs in place of the text
    collected = collect(fetch, wanted)

FILE_FOLDER in the container:

    values/             the documented folder, and where files of a shell's lie
    saved/              what came of the cell's variables
    in/, cell, run.py   a Python cell's values, its text, and what runs it

Knows: this folder. Does not know: engines; ``fetch`` is one's way to read a tar.
"""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any

from ipycontainers.errors import Invalid, NotFound
from ipycontainers.interpreter import FILE_FOLDER, encoded
from ipycontainers.oci.blob import PIECE, Readable, reading
from ipycontainers.oci.entries import entries

from . import files, inside, shell
from .archive import Archive, read_into
from .inside import once
from .inside.source import PACKAGE, source
from .pack import LIMIT, Packed, too_large

# Reads a tar of what is at a path in the container; NotFound where nothing is.
Fetch = Callable[[str], AbstractContextManager[Readable]]

LONGEST_PATH = 4096
LARGEST_HEADERS = 1 << 20  # of a tar, beside the values in it


@dataclass(frozen=True)
class Wrapped:
    """``code`` runs in place of the cell's text, ``archive`` is unpacked in FILE_FOLDER first
    (``archive.below(FILE_FOLDER)`` in the root)."""

    code: str
    archive: Archive


@dataclass(frozen=True)
class Collected:
    """What came of the wanted variables: ``refused`` says why one is not to be had, ``advice``
    what to do about that, where there is some."""

    values: Mapping[str, Packed] = field(default_factory=dict)
    unset: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    advice: str = ""


def wrap_python(code: str, values: Mapping[str, Packed], wanted: Sequence[str]) -> Wrapped:
    """For Python 3.6 and later. Tracebacks, exit codes and ``__main__`` are the cell's own."""
    for name in (*values, *wanted):
        if not name.isidentifier():
            raise Invalid(f"{name!r} is no name of a variable in Python")
    archive = Archive()
    archive.add_folder("values", shell.OPEN)
    archive.add_folder("saved", shell.OPEN)
    archive.add_folder("in")
    for name, packed in values.items():
        head = {"kind": packed.kind, "meta": dict(packed.meta)}
        archive.add(f"in/{name}", json.dumps(head).encode() + b"\n", packed.data)
    call = f"_sys.modules[{PACKAGE + '.once'!a}].run({FILE_FOLDER!a}, {list(wanted)!a})\n"
    archive.add("run.py", (source() + call).encode())
    archive.add("cell", encoded(code, "the cell"))
    run = f"{FILE_FOLDER}/run.py"
    bootstrap = f"exec(compile(open({run!r}).read(), {run!r}, 'exec'), {{'__name__': 'run'}})"
    return Wrapped(bootstrap, archive)


def wrap_shell(code: str, values: Mapping[str, Packed], wanted: Sequence[str]) -> Wrapped:
    """For any POSIX shell. The numbers of the cell's lines stay, and so does its exit code.

    What ends the shell without its EXIT trap (exec, SIGKILL) leaves all variables unset.
    """
    exported = shell.exports(values)
    save = f"ipycontainers_save() {{\n{shell.saving(wanted)}}}\n"
    trap = "trap '{ ipycontainers_save; } 2>/dev/null' EXIT\n"
    script = exported.script + (save + trap).encode() if wanted else exported.script
    exported.archive.add("values.sh", script)
    text = f". {FILE_FOLDER}/values.sh; {code}"
    if wanted and re.search(r"\btrap\b", code):
        # The cell may have taken the trap for itself, so save at its end as well.
        text += "\n(exit_code=$?; ipycontainers_save; exit $exit_code) 2>/dev/null\n"
    return Wrapped(text, exported.archive)


def collect(fetch: Fetch, wanted: Sequence[str], *, limit: int = LIMIT) -> Collected:
    """What the cell's variables are, when the container has ended.

    All values together have at most ``limit`` bytes. Raises Invalid where the answer as a whole
    is too large or broken, and what ``fetch`` raises.
    """
    collecting = _Collecting(wanted, limit)
    with suppress(NotFound), fetch(shell.SAVED) as stream:
        collecting.saved(stream)
    for name, path in collecting.files.items():
        with suppress(NotFound), collecting.refusing(name), fetch(path) as stream:
            collecting.file(name, path, stream)
    return collecting.result()


class _Collecting:
    def __init__(self, wanted: Sequence[str], limit: int) -> None:
        self._wanted, self._limit, self._left = tuple(wanted), limit, limit
        self._values: dict[str, Packed] = {}
        self._refused: dict[str, str] = {}
        self._advice = ""
        self.files: dict[str, str] = {}

    def result(self) -> Collected:
        unset = [n for n in self._wanted if n not in self._values and n not in self._refused]
        return Collected(self._values, tuple(unset), self._refused, self._advice)

    @contextmanager
    def refusing(self, name: str) -> Iterator[None]:
        """One variable that is none leaves the others alone."""
        try:
            yield
        except Invalid as error:
            self._refused[name] = error.message
            self._advice = error.hint or self._advice

    def saved(self, stream: Readable) -> None:
        for entry, content in entries(stream, "what the container gave back"):
            name = posixpath.basename(entry.name)
            if content is None or entry.issparse() or name not in self._wanted:
                continue
            data = self._read(name, entry, content)
            with self.refusing(name):
                self._sort(name, data)

    def _sort(self, name: str, data: bytearray) -> None:
        """By what begins it: a shell's marks, or the brace of a Python's JSON."""
        mark, rest = bytes(data[:1]), memoryview(data)[1:]
        if mark == shell.TEXT:
            text = str(rest, "utf-8", "surrogateescape")
            self._values[name] = Packed(*inside.leave(text))
        elif mark == shell.PATH:
            self.files[name] = _checked_path(name, bytes(rest[:LONGEST_PATH]))
        elif mark != shell.UNSET:
            self._python(name, data)

    def _read(self, name: str, entry: tarfile.TarInfo, content: IO[bytes]) -> bytearray:
        self._left -= entry.size
        if self._left < 0:
            raise too_large(name, self._limit)
        with reading(f"-o {name}: what the container gave back"):
            return read_into(content, entry.size)

    def _python(self, name: str, data: bytearray) -> None:
        end = data.find(b"\n", 0, once.LONGEST)
        try:
            head: Any = inside.loaded(memoryview(data)[: max(end, 0)])
            if "refused" in head:
                self._refused[name] = f"-o {name}: {str(head['refused'])[:1000]}"
                return
            kind, meta = head["kind"], head["meta"]
            if type(kind) is not str or type(meta) is not dict or kind not in {"value", "path"}:
                raise ValueError("it has no kind")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Invalid(f"-o {name}: what the container gave back is no value") from error
        self._values[name] = Packed(kind, meta, memoryview(data)[end + 1 :])

    def file(self, name: str, path: str, stream: Readable) -> None:
        suffix = posixpath.splitext(path)[1]
        if suffix not in files.READABLE:
            self._values[name] = Packed("path", {}, self._whole(name, stream))
            return
        for entry, content in entries(stream, "what the container gave back"):
            if content is None or entry.issparse():
                raise Invalid(f"-o {name}: {path} is no file")
            data = self._read(name, entry, content)
            self._values[name] = Packed("file", {"suffix": suffix}, data)
            return

    def _whole(self, name: str, stream: Readable) -> bytearray:
        data = bytearray()
        while piece := stream.read(PIECE):
            data += piece
            if len(data) > self._left + LARGEST_HEADERS:
                raise too_large(name, self._limit)
        self._left = max(0, self._left - len(data))
        return data


def _checked_path(name: str, data: bytes) -> str:
    path = data.decode("utf-8", "replace")
    below = re.escape(files.FOLDER) + r"/[^/\0]{1,255}"
    if not re.fullmatch(below, path) or posixpath.basename(path) in {".", ".."}:
        raise Invalid(f"-o {name}: {path!r:.100} is no file of {files.FOLDER}")
    return path
