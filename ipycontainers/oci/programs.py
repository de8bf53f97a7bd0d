"""Programs of this machine, with everything of it that they need to run elsewhere.

    collected = Programs()
    collected.add("bash"); collected.add("coreutils"); collected.add("python3")
    collected.files, collected.links, collected.names

A program needs the interpreter that its ELF header names and what that finds for
it (``ld.so --list``: the libraries of DT_NEEDED, theirs, and so on); a script needs
the program of its first line; a few need data that no header names, which the
tables below have. Links on the way are kept as links, so that every path means the
same as here.

Knows: ELF, ld.so, Debian's dpkg, Python's standard library. Does not know: images.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from ipycontainers.errors import Invalid, NotFound

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FOLDERS = frozenset(STANDARD_PATH.split(":"))
_PYTHON = re.compile(r"python\d*(\.\d+)?")
_RESOLVED = re.compile(r"^\s*(?:\S+ => )?(/\S.*) \(0x[0-9a-f]+\)$", re.MULTILINE)
_MISSING = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_TERMINALS = "a/ansi d/dumb l/linux s/screen s/screen-256color v/vt100 x/xterm x/xterm-256color"
# What a library opens by name: terminals, certificates, file types.
_DATA_OF_LIBRARY = {
    "libtinfo": [f"{d}/terminfo/{t}" for d in ("/lib", "/usr/share") for t in _TERMINALS.split()],
    "libssl": [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/usr/lib/ssl/certs",
        "/usr/lib/ssl/openssl.cnf",
    ],
    "libgnutls": ["/etc/ssl/certs/ca-certificates.crt"],
    "libmagic": ["/usr/lib/file/magic.mgc", "/usr/share/misc/magic.mgc"],
    "libc": ["/usr/lib/locale/C.utf8", "/usr/lib/locale/C.UTF-8"],
}
_DATA_OF_LIBRARY["libncursesw"] = _DATA_OF_LIBRARY["libtinfo"]
# Trees that a program reads from, as patterns below /.
_DATA_OF_PROGRAM = {
    "gawk": ["usr/share/awk"],
    "git": ["usr/lib/git-core", "usr/libexec/git-core", "usr/share/git-core/templates"],
    "perl": ["usr/lib/*/perl-base"],
}
_NOT_OF_PYTHON = frozenset({"__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3"}) | {
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
}
_MODULES_LEFT_OUT = ("_ctypes_test", "_test", "_tkinter", "xxlimited")
_ASK_PYTHON = (
    "import json, os, sys, sysconfig; print(json.dumps([sys.implementation.name, "
    "os.path.realpath(getattr(sys, '_base_executable', '') or sys.executable), "
    "sysconfig.get_path('stdlib'), sysconfig.get_path('platstdlib')]))"
)


class Programs:
    """What was collected: ``files`` and ``links`` by absolute path, ``names`` of the programs.

    A file's path is its real one here. ``names`` maps what was asked for to a path.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.links: dict[str, str] = {}
        self.folders: set[str] = set()
        self.names: dict[str, str] = {}
        for top in ("/bin", "/lib", "/lib64", "/sbin"):
            if Path(top).is_symlink():  # usr-merge, on which #!/bin/sh relies
                self.links[top] = str(Path(top).readlink())
                self.folders.add(str(Path(top).resolve()))

    def add(self, name: str) -> None:
        """A program by path or by its name on PATH, else the programs of a Debian package.

        NotFound when it is neither, or when a library of it is missing here.
        """
        found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{STANDARD_PATH}")
        paths = [(name.rpartition("/")[2], os.path.abspath(found))] if found else _package(name)  # noqa: PTH100
        if not paths:
            raise NotFound(
                f"no program {name!r:.100} on this machine",
                "name what is on PATH, or a Debian package that is installed",
            )
        for own, path in paths:
            self._add_named(own, path)

    def _add_named(self, name: str, path: str) -> None:
        if _PYTHON.fullmatch(name):
            path = self._add_python(name, path)
        self.names[name] = path
        self._add_program(path)
        for pattern in _DATA_OF_PROGRAM.get(name, ()):
            for data in sorted(Path("/").glob(pattern)):
                self._add_path(str(data))
        if name == "busybox":
            for applet in _run([path, "--list"]).split():
                self.links.setdefault(f"/usr/local/bin/{applet}", path)

    def _add_program(self, path: str, *, optional: bool = False) -> None:
        """A file and what it needs; an ``optional`` one only when that is all here."""
        real = os.path.realpath(path)
        if real not in self.files:
            with open(real, "rb") as file:  # noqa: PTH123
                head = file.read(256)
            try:
                if head.startswith(b"#!"):
                    self._add_interpreter(head)
                elif head.startswith(b"\x7fELF"):
                    self._add_libraries(real)
            except NotFound:
                if optional:
                    return
                raise
        self._add_path(path)

    def _add_interpreter(self, head: bytes) -> None:
        words = head[2:].split(b"\n")[0].decode("utf-8", "replace").split()
        if not words:
            return
        if not os.path.isfile(words[0]):  # noqa: PTH113
            raise NotFound(f"{words[0]}, which a script needs, is not on this machine")
        self._add_program(words[0])
        if words[0].endswith("/env"):
            named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
            if named and named[0] not in self.names:
                self.add(named[0])

    def _add_libraries(self, path: str) -> None:
        loader = interpreter(path) or (self._loader if ".so" in path else "")
        if not loader:
            return  # static
        self._loader = loader
        listed = _run([loader, "--list", path])
        missing = _MISSING.findall(listed)
        if missing:
            raise NotFound(f"{path} needs {missing[0]}, which is not on this machine")
        for library in [loader, *_RESOLVED.findall(listed)]:
            self._add_path(library)
            short = library.rpartition("/")[2].split(".so")[0].split("-")[0]
            for data in _DATA_OF_LIBRARY.get(short, ()):
                self._add_path(data)

    _loader = ""  # of the last program: what its modules are loaded by

    def _add_python(self, name: str, path: str) -> str:
        """The standard library; returns the interpreter itself, not that of a virtualenv."""
        try:
            asked = json.loads(_run([path, "-I", "-c", _ASK_PYTHON]))
        except ValueError:
            raise Invalid(f"{path} does not answer as Python does") from None
        _, base, *libraries = asked
        beside = Path(base).with_name(name)
        if os.path.realpath(path) != base and beside.exists():
            path = str(beside)
        elif os.path.realpath(path) != base:
            path = base
        self._add_program(path)
        for library in sorted(set(libraries)):
            for file in _tree(library, _NOT_OF_PYTHON):
                if file.name.startswith(_MODULES_LEFT_OUT):
                    continue
                if ".so" in file.name:
                    self._add_program(str(file), optional=True)
                elif file.suffix not in {".a", ".pyc"}:
                    self._add_path(str(file))
        for folder in {os.path.dirname(library) for library in self.files}:  # noqa: PTH120
            # pthread_exit and pthread_cancel open it by name
            if Path(folder, "libc.so.6").exists():
                self._add_path(f"{folder}/libgcc_s.so.1")
        return path

    def _add_path(self, path: str) -> None:
        """A file, a folder with all below, or a link and what it leads to; nothing if not there."""
        current, left = "", [part for part in path.split("/") if part][::-1]
        while left:
            part = left.pop()
            if part in {".", ".."}:
                current = current.rpartition("/")[0] if part == ".." else current
                continue
            here = f"{current}/{part}"
            try:
                mode = os.lstat(here).st_mode
            except OSError:
                return
            if stat.S_ISLNK(mode):
                target = str(Path(here).readlink())
                self.links[here] = target
                current = "" if target.startswith("/") else current
                left.extend([step for step in target.split("/") if step][::-1])
                continue
            if stat.S_ISREG(mode) and os.access(here, os.R_OK):
                self.files.add(here)
            elif stat.S_ISDIR(mode) and not left:
                self.folders.add(here)
                for file in _tree(here, frozenset({"__pycache__"})):
                    if os.access(file, os.X_OK) and not file.is_symlink():
                        self._add_program(str(file), optional=True)
                    else:
                        self._add_path(str(file))
            current = here


def interpreter(path: str) -> str:
    """The program that an ELF file names to load it (PT_INTERP); "" when it names none."""
    with open(path, "rb") as file:  # noqa: PTH123
        return interpreter_in(file)


def interpreter_in(file: IO[bytes]) -> str:
    """The same of a file that is open, whoever wrote it."""
    head = file.read(64)
    if len(head) < 64 or head[:4] != b"\x7fELF":
        return ""
    order, wide = "<" if head[5] == 1 else ">", head[4] == 2
    (offset,) = struct.unpack_from(order + ("Q" if wide else "I"), head, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", head, 54 if wide else 42)
    form, places = (order + "Q", (8, 32)) if wide else (order + "I", (4, 16))
    for number in range(count):
        file.seek(offset + number * size)
        entry = file.read(size)
        if len(entry) < places[1] + 8:
            return ""  # cut off: no kernel would run it
        if struct.unpack_from(order + "I", entry)[0] == 3:
            start, length = (struct.unpack_from(form, entry, place)[0] for place in places)
            file.seek(start)
            return file.read(min(length, 4096)).rstrip(b"\0").decode()
    return ""


def _tree(folder: str, left_out: frozenset[str]) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        kept = [d for d in folders if d not in left_out and not d.startswith("config-")]
        folders[:] = sorted(kept)
        yield from (Path(at, name) for name in sorted(files))
        yield from (Path(at, name) for name in folders if Path(at, name).is_symlink())


def _package(name: str) -> list[tuple[str, str]]:
    """The programs of an installed Debian package."""
    if not shutil.which("dpkg-query") or not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        return []
    paths = [path for path in _run(["dpkg-query", "-L", name]).splitlines() if path]
    programs = [
        path
        for path in paths
        if os.path.dirname(path) in _FOLDERS  # noqa: PTH120
        and os.path.isfile(path)  # noqa: PTH113
        and os.access(path, os.X_OK)
    ]
    return [(path.rpartition("/")[2], path) for path in programs]


def _run(command: Sequence[str]) -> str:
    """What a program writes; nothing of this process's environment changes it."""
    environ = {"PATH": STANDARD_PATH, "LC_ALL": "C"}
    done = subprocess.run(command, capture_output=True, text=True, env=environ, check=False)
    return done.stdout
