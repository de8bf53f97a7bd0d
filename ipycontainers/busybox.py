"""A busybox that needs nothing else: the one program of the course's images.

    found = of_machine("amd64")             this machine's, None where it has none
    found = of_image(connection, "busybox")     that of an image which the engine has
    found.program, found.applets, found.origin

It has to be static, since an image that is made of it has no libraries, and for the processor
of the engine, which may be on another machine.

Knows: ELF, busybox's applets. Does not know: the images of the course.
"""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import re
import shutil
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ipycontainers.errors import Invalid
from ipycontainers.oci.entries import entries
from ipycontainers.oci.programs import STANDARD_PATH, interpreter_in

if TYPE_CHECKING:
    from ipycontainers.client import Connection

# e_machine of an ELF header, by Go's name of the processor.
MACHINES = {
    "386": 3,
    "amd64": 62,
    "arm": 40,
    "arm64": 183,
    "ppc64le": 21,
    "riscv64": 243,
    "s390x": 22,
}
LARGEST = 16 << 20  # bytes of a busybox; Debian's has 2 MB, the largest of Docker Hub 4
MOST_APPLETS = 1000
_NAMES = ("busybox", "busybox.static", "busybox-static")
_APPLET = re.compile(r"(?a)[\w\[][\w\[.+-]{0,30}")


@dataclass(frozen=True)
class Busybox:
    """``applets`` are its other names, sorted. ``origin`` is for people: where it is from."""

    program: bytes = field(repr=False)
    applets: tuple[str, ...] = field(repr=False)
    origin: str

    @cached_property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.program).hexdigest()}"


def of_machine(architecture: str) -> Busybox | None:
    """The first busybox of this machine that will do."""
    path = f"{os.environ.get('PATH', '')}:{STANDARD_PATH}"
    places = [place for name in _NAMES if (place := shutil.which(name, path=path))]
    return next((found for place in places if (found := _fitting(place, architecture))), None)


def _fitting(place: str, architecture: str) -> Busybox | None:
    try:
        return of_file(Path(place), architecture)
    except Invalid:
        return None


def of_file(path: Path, architecture: str) -> Busybox:
    """Raises Invalid, with the reason, for what will not do."""
    try:
        found = path.stat()
        return _read(path, architecture, found.st_mtime_ns, found.st_size)
    except OSError as error:
        raise Invalid(f"{path} is no busybox: {error.strerror}") from error


@lru_cache(maxsize=4)
def _read(path: Path, architecture: str, _modified: int, size: int) -> Busybox:
    if size > LARGEST:
        raise Invalid(f"{path} is no busybox: it has {size / 1e6:.0f} MB")
    program = path.read_bytes()
    _check(program, str(path), architecture)
    # It tells by itself, and is the program that the learner is going to run.
    words = ["busybox", "--list"]  # whatever the file is called
    listed = subprocess.run(words, executable=path, capture_output=True, text=True, check=False)
    applets = _sorted(listed.stdout.split()) if listed.returncode == 0 else ()
    if "sh" not in applets:
        raise Invalid(f"{path} is no busybox: it lists no applets")
    return Busybox(program, applets, str(path))


def _check(program: bytes, what: str, architecture: str) -> None:
    if program[:4] != b"\x7fELF" or len(program) < 64:
        raise Invalid(f"{what} is no program of Linux")
    (machine,) = struct.unpack_from("<H" if program[5] == 1 else ">H", program, 18)
    if machine != MACHINES.get(architecture):
        raise Invalid(f"{what} is for another processor than the engine's, {architecture}")
    if interpreter_in(io.BytesIO(program)):
        raise Invalid(f"{what} is not static: it needs libraries")


def of_image(connection: Connection, image: str, architecture: str) -> Busybox:
    """Taken out of a container that is made for it and never started.

    Raises NotFound where the engine has no such image, and Invalid where its busybox will not do.
    """
    from ipycontainers.watchdog.labels import labels

    made = connection.create({"Image": image, "Cmd": ["true"], "Labels": labels()})
    try:
        with connection.get_archive(made.id, "/bin/.") as archive:
            members = list(_members(entries(archive, f"/bin of {image}")))
    finally:
        connection.remove(made.id)
    program, applets = _chosen(members)
    _check(program, f"the busybox of the image {image}", architecture)
    return Busybox(program, applets, f"the image {image}")


_Member = tuple[str, str, bytes]  # name, what it is a link to, content


def _members(found: Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]) -> Iterator[_Member]:
    """What can be busybox or one of its names, of one folder."""
    room = LARGEST
    for number, (entry, content) in enumerate(found):
        if number > MOST_APPLETS:
            raise Invalid(f"it has more than {MOST_APPLETS} programs, which no busybox has")
        name = posixpath.basename(posixpath.normpath(entry.name))
        if content:
            room -= entry.size
            if room < 0:
                raise Invalid(f"its programs have more than {LARGEST >> 20} MB")
            yield name, "", content.read()
        elif entry.issym() or entry.islnk():
            yield name, posixpath.basename(entry.linkname), b""


def _chosen(members: list[_Member]) -> tuple[bytes, tuple[str, ...]]:
    """The program and its names. In the images of Docker Hub all are one file, under its first
    name, and hard links to it; elsewhere links to busybox."""
    first = next((link or name for name, link, _ in members if name == "busybox"), "")
    program = next((content for name, _, content in members if name == first), b"")
    applets = _sorted([name for name, link, _ in members if first in (name, link)])
    if not program or "sh" not in applets:
        raise Invalid("its /bin has no busybox")
    return program, applets


def _sorted(names: list[str]) -> tuple[str, ...]:
    known = {name for name in names if _APPLET.fullmatch(name)} - {"busybox"}
    return tuple(sorted(known)[:MOST_APPLETS])
