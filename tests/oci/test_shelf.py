"""What is kept of files: texts, and of others what tells that they are none."""

from __future__ import annotations

import io

import pytest
from layers import file, tar

from ipycontainers.oci.changes import Bound
from ipycontainers.oci.listing import read
from ipycontainers.oci.shelf import LONGEST_KEPT, Shelf, binary, is_enough


def kept(shelf: Shelf, **files: bytes) -> dict[str, bytes]:
    made = tar(*(file(name, content) for name, content in files.items()))
    return dict(read(io.BytesIO(made), "it", Bound(), shelf=shelf).texts)


def test_short_texts_are_kept_whole_and_long_ones_not_at_all() -> None:
    found = kept(
        Shelf(),
        empty=b"",
        short=b"abc\n",
        longest=b"x" * LONGEST_KEPT,
        longer=b"x" * (LONGEST_KEPT + 1),
    )
    assert found == {"/empty": b"", "/short": b"abc\n", "/longest": b"x" * LONGEST_KEPT}


@pytest.mark.parametrize("size", [100, LONGEST_KEPT + 1], ids=["short", "long"])
def test_of_what_is_binary_so_much_is_kept_that_it_tells(size: int) -> None:
    found = kept(Shelf(), elf=b"\x7fELF".ljust(size, b"."), zero=b"abc" * 20 + b"\0" * size)
    assert binary(found["/elf"]) == "ELF program or library"
    assert binary(found["/zero"]) == "binary"
    assert sum(map(len, found.values())) < 90
    assert is_enough(found["/elf"], size, 1 << 19)


def test_no_more_is_kept_than_there_is_room_for() -> None:
    files = {f"f{number}": b"x" * 1000 for number in range(20)}
    found = kept(Shelf(5000), **files)
    assert list(found) == ["/f0", "/f1", "/f2", "/f3"]
    names = {f"n{number}": b"" for number in range(100)}
    assert len(kept(Shelf(5000), **names)) < 30


def test_digests_are_of_all_that_was_read_and_left() -> None:
    made = tar(file("a", b"x" * 200_000), file("b", b"y"), file("c", b"\x7fELF" + b"z" * 100_000))
    found = [
        [
            entry.digest
            for entry in read(io.BytesIO(made), "it", Bound(), hashed=True, shelf=shelf).entries
        ]
        for shelf in (None, Shelf(), Shelf(0))
    ]
    assert found[0] == found[1] == found[2]
    assert all(found[0])


def test_a_part_is_enough_where_no_more_is_shown() -> None:
    assert is_enough(b"abc", 3, 100)
    assert is_enough(b"abc", 100, 3)
    assert not is_enough(b"abc", 100, 4)
