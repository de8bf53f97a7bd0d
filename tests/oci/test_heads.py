"""Heads are what tarfile says, and contents are what is between them."""

from __future__ import annotations

import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layers import file, folder, hard_link, link, special, tar
from support import examples

from ipycontainers.errors import ContainerError, Invalid
from ipycontainers.oci.entries import entries
from ipycontainers.oci.heads import Content, heads

FIELDS = ("name", "type", "size", "mode", "uid", "gid", "mtime", "linkname")
ODD = [
    ("plain", {"size": 3}),
    ("folder/", {"type": tarfile.DIRTYPE, "mode": 0o1777}),
    ("d" * 90 + "/" + "f" * 60, {"size": 600}),  # a prefix in one form, a record in another
    ("n\u00e4me", {"size": 2, "uid": 3_000_000, "mtime": 1.5}),
    ("caf\udce9", {"size": 1}),
    ("link", {"type": tarfile.SYMTYPE, "linkname": "t" * 150}),
    ("hard", {"type": tarfile.LNKTYPE, "linkname": "plain"}),
    ("fifo", {"type": tarfile.FIFOTYPE}),
    ("device", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
    ("empty", {"size": 0}),
    ("last", {"size": 513}),
]


def made(form: int) -> bytes:
    written = io.BytesIO()
    with tarfile.open(
        fileobj=written, mode="w", format=form, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for name, fields in ODD:
            entry = tarfile.TarInfo(name)
            for field, value in fields.items():
                setattr(
                    entry,
                    field,
                    int(value) if form != tarfile.PAX_FORMAT and field == "mtime" else value,
                )
            archive.addfile(entry, io.BytesIO(name[:1].encode() * entry.size))
    return written.getvalue()


class Dripping:
    """Gives a few bytes at a time, as a network does."""

    def __init__(self, content: bytes, most: int) -> None:
        self._stream, self._most = io.BytesIO(content), most

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(min(size, self._most) if size >= 0 else self._most)


def described(entry: tarfile.TarInfo) -> tuple[object, ...]:
    return tuple(getattr(entry, field) for field in FIELDS)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT], ids=["gnu", "pax"])
@pytest.mark.parametrize("most", [1 << 20, 7], ids=["whole", "dripping"])
def test_heads_are_those_that_tarfile_reads(form: int, most: int) -> None:
    whole = made(form)
    with tarfile.open(
        fileobj=io.BytesIO(whole), encoding="utf-8", errors="surrogateescape"
    ) as archive:
        expected = [described(entry) for entry in archive]
    assert len(expected) == len(ODD)
    assert [described(entry) for entry, _ in heads(Dripping(whole, most), "it")] == expected


def test_a_long_name_in_two_parts_is_one() -> None:
    entry = tarfile.TarInfo("/".join(["d" * 90, "f" * 60]))
    whole = entry.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)
    assert [found.name for found, _ in heads(io.BytesIO(whole), "it")] == [entry.name]


def test_a_content_is_read_or_passed_over() -> None:
    whole = tar(file("a", b"1" * 700), file("b", b"2" * 512), folder("c"), file("d", b"3"))
    found = {}
    for entry, content in heads(io.BytesIO(whole), "it"):
        if entry.name in ("b", "d"):
            assert content
            found[entry.name] = everything(content)
        elif entry.name == "a":
            assert content
            assert content.read(5) == b"11111"
    assert found == {"b": b"2" * 512, "d": b"3"}


def test_what_was_read_before_counts() -> None:
    whole = tar(
        file("a", b"1"), link("b", "a"), hard_link("c", "a"), special("d", tarfile.FIFOTYPE)
    )
    stream = io.BytesIO(whole)
    names = [entry.name for entry, _ in heads(stream, "it", stream.read(100))]
    assert names == ["a", "b", "c", "d"]


def test_an_empty_stream_and_an_empty_tar_have_no_entries() -> None:
    assert list(heads(io.BytesIO(), "it")) == []
    assert list(heads(io.BytesIO(tar()), "it")) == []


def everything(content: Content) -> bytes:
    return b"".join(iter(lambda: content.read(100), b""))


def test_a_wrong_checksum_is_seen() -> None:
    whole = bytearray(tar(file("name", b"1")))
    whole[0] ^= 1
    with pytest.raises(Invalid, match="it is broken"):
        list(heads(io.BytesIO(bytes(whole)), "it"))


@pytest.mark.parametrize("kept", [700, 2100])
def test_a_tar_that_ends_within_a_file_is_refused(kept: int) -> None:
    whole = tar(file("a", b"1" * 600), file("b", b"2" * 600))[:kept]
    for each in (list, lambda found: [everything(content) for _, content in found]):
        with pytest.raises(Invalid, match="it is broken"):
            each(heads(io.BytesIO(whole), "it"))


MUTATIONS = st.lists(
    st.tuples(st.integers(0, 8000), st.binary(min_size=1, max_size=16)), min_size=1, max_size=6
)


@given(form=st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), mutations=MUTATIONS)
@settings(max_examples=examples(150), deadline=None)
def test_a_broken_tar_is_read_as_entries_reads_it(
    form: int, mutations: list[tuple[int, bytes]]
) -> None:
    broken = made(form)
    for place, what in mutations:
        broken = broken[:place] + what + broken[place + len(what) :]
    found: dict[str, list[object]] = {"heads": [], "entries": []}
    for name, reader in {"heads": heads, "entries": entries}.items():
        with suppress(ContainerError):
            for entry, _ in reader(io.BytesIO(broken), "it"):
                found[name].append(described(entry))
    assert found["heads"] == found["entries"]
