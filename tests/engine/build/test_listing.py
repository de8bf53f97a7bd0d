"""What an archive has: told from its names alone as from its unpacked files, in bounded memory."""

from __future__ import annotations

import gzip
import io
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from engine.build.building import build
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layers import Entry, file, folder, link, tar
from support import examples

from ipycontainers.engine.build import checksums
from ipycontainers.engine.build.checksums import Told
from ipycontainers.engine.build.listing import Listing
from ipycontainers.engine.build.origins import Origin
from ipycontainers.errors import Invalid, NotFound
from ipycontainers.oci import room, unpack
from ipycontainers.oci.inside import DEEPEST

NAMES = ("a", "b", "d", "d/a", "d/e", "d/e/b")
TARGETS = st.sampled_from(
    [
        *("a", "b", "d", ".", "..", "/", "/d", "d/e", "../a", "../../d/a", "e/../a", "gone", "a/b"),
        *("gone/../a", "/d/e/b", "l", "m", "../l"),
    ]
)
LINKS = st.dictionaries(st.sampled_from(["l", "m", "d/l", "d/e/m"]), TARGETS, max_size=4)


def both(entries: list[Entry], place: Path) -> tuple[Origin, Origin]:
    """Of the names alone, and of the files."""
    archive = tar(*entries)
    listing = Listing.of(io.BytesIO(archive), (), len(archive))
    assert listing
    told = Told()
    place.mkdir()
    unpack.archive(io.BytesIO(archive), place, told.add)
    return Origin((), listing.told, listing=listing), Origin((place,), told)


def seen(origin: Origin, path: str) -> object:
    try:
        return [(one, origin.checksum(one)) for one in origin.chosen(path)]
    except NotFound as error:
        return error.message


@given(links=LINKS, implied=st.booleans())
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_links_lead_where_the_files_say(
    tmp_path: Path, links: dict[str, str], implied: bool
) -> None:
    files = [file("a", b"a"), file("d/a", b"da"), file("d/e/b", b"deb")]
    folders = [] if implied else [folder("d", mode=0o711), folder("d/e", mode=0o700)]
    made = [*folders, *files, *(link(name, to) for name, to in links.items())]
    place = next(tmp_path / str(n) for n in itertools.count() if not (tmp_path / str(n)).exists())
    listed, unpacked = both(made, place)
    paths = [*NAMES, *links, *(f"{name}/{more}" for name in links for more in ("a", "e/b", ".."))]
    for path in (*paths, ".", "*", "d/*", "l/*", "?", "gone"):
        assert seen(listed, path) == seen(unpacked, path), path


def test_what_is_taken_away_is_there_for_nobody(tmp_path: Path) -> None:
    archive = tar(file("f", b"f"), link("l", "f"))
    listing = Listing.of(io.BytesIO(archive), (), len(archive))
    assert listing
    listing.remove("l")  # as dockerd, which follows it
    assert (listing.real("l"), listing.real("f"), listing.checksum("")) != (None, None, None)
    assert listing.checksum("l") is None


def test_what_lies_deeper_than_can_be_unpacked_is_not_listed() -> None:
    for depth, is_listed in ((DEEPEST - 1, True), (DEEPEST, False), (1500, False)):
        archive = tar(file("a/" * depth + "f", b"f"))
        assert bool(Listing.of(io.BytesIO(archive), (), len(archive))) == is_listed


def test_a_small_archive_cannot_take_all_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "UNSUSPECTED", 1 << 20)
    packed = gzip.compress(tar(file("f", bytes(32 << 20))))
    with pytest.raises(Invalid, match="unpacks to more"):
        Listing.of(io.BytesIO(packed), (), len(packed))
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 10)
    many = tar(*(file(str(number)) for number in range(11)))
    with pytest.raises(Invalid, match="more than 10 entries"):
        Listing.of(io.BytesIO(many), (), len(many))


def test_no_archive_takes_all_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checksums, "LARGEST_TOLD", 20_000)
    large = {"SCHILY.xattr.user.x": "x" * 1000}
    for archive in (
        tar(*(file(f"{'n' * 200}{number}") for number in range(60))),
        tar(*(file(str(number), pax_headers=large) for number in range(30))),
    ):
        with pytest.raises(Invalid, match="too much"):
            Listing.of(io.BytesIO(archive), (), len(archive))
    long = tar(file(f"{'n/' * 3000}f"))
    assert Listing.of(io.BytesIO(long), (), len(long)) is None  # which unpacking refuses


def test_nothing_is_unpacked_where_all_is_cached(docker: Any) -> None:
    """Though links lead to what is copied: a name that no file can have is not noticed."""
    tree = [folder("s"), file("s/f", b"1"), link("s/l", "f"), link("to-s", "s"), link("out", "/x")]
    text = "FROM scratch\nCOPY to-s/l /l\nCOPY s /s\nCOPY to-s /t/\n"
    assert build(docker, text, *tree).error is None
    impossible = file("n" * 300)
    again = build(docker, text, *tree, impossible)
    assert (again.error, again.text.count("Using cache")) == (None, 3)
    assert "has too long a name" in str(build(docker, text, *tree, impossible, nocache=1).error)


def test_many_folders_take_no_time_each_for_all_of_them() -> None:
    archive = tar(*(folder(f"d{number}") for number in range(20000)))
    listing = Listing.of(io.BytesIO(archive), (), len(archive))
    assert listing
    origin = Origin((), listing.told, listing=listing)
    began = time.process_time()
    assert len({origin.checksum(path) for path in origin.chosen("*")}) == 20000
    assert time.process_time() - began < 5
