"""What a pull has begun is found again, and is never taken for what is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ipycontainers.errors import Conflict, IntegrityError
from ipycontainers.oci import Descriptor, Digest, Layout
from ipycontainers.oci.unfinished import KEPT

TEXT = b"hello, world"
WANTED = Descriptor("", Digest.of(TEXT), len(TEXT))


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.open(tmp_path / "oci")


def age(layout: Layout, name: str) -> None:
    for path in (layout.path / name).iterdir():
        os.utime(path, (0, path.stat().st_mtime - KEPT - 60))


def test_content_goes_on_where_it_broke_off(layout: Layout) -> None:
    with layout.unfinished.partial(WANTED) as partial:
        partial.write(TEXT[:5])
    assert not layout.has(WANTED.digest)
    layout.gc()
    with layout.unfinished.partial(WANTED) as partial:
        assert (partial.size, partial.is_whole) == (5, False)
        partial.write(TEXT[5:])
        partial.finish()
    with layout.open_blob(WANTED.digest, WANTED.size) as stream:
        assert stream.read() == TEXT
    assert list((layout.path / "partial").iterdir()) == []


@pytest.mark.parametrize("pieces", [[b"hello, WORLD"], [b"hello"], [TEXT, b"!"]])
def test_other_content_is_not_kept(layout: Layout, pieces: list[bytes]) -> None:
    def fetch() -> None:
        with layout.unfinished.partial(WANTED) as partial:
            for piece in pieces:
                partial.write(piece)
            partial.finish()

    with pytest.raises(IntegrityError):
        fetch()
    assert not layout.has(WANTED.digest)
    assert list((layout.path / "partial").iterdir()) == []


def test_one_writes_at_a_time(layout: Layout) -> None:
    with layout.unfinished.partial(WANTED) as partial:
        partial.write(b"h")
        with pytest.raises(Conflict), layout.unfinished.partial(WANTED):
            pass
    with layout.unfinished.partial(WANTED) as partial:
        assert partial.size == 1


def test_gc_spares_what_a_pull_has_fetched_for_a_day(layout: Layout) -> None:
    manifest, blob = Digest.of(b"manifest"), layout.put(TEXT)
    layout.unfinished.begin(manifest, [blob.digest])
    assert (layout.gc(), layout.has(blob.digest)) == (0, True)
    age(layout, "pending")
    assert (layout.gc(), layout.has(blob.digest)) == (len(TEXT), False)


def test_what_nobody_comes_back_to_goes(layout: Layout) -> None:
    with layout.unfinished.partial(WANTED) as partial:
        partial.write(b"h")
    age(layout, "partial")
    layout.gc()
    with layout.unfinished.partial(WANTED) as partial:
        assert partial.size == 0


def test_a_pull_that_ended_keeps_nothing(layout: Layout) -> None:
    manifest, blob = Digest.of(b"manifest"), layout.put(TEXT)
    layout.unfinished.begin(manifest, [blob.digest])
    layout.unfinished.end(manifest)
    layout.unfinished.end(manifest)
    assert layout.gc() == len(TEXT)
