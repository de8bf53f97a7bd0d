"""What a pull has begun is found again, and is never taken for what is whole."""

from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

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


def test_two_that_begin_the_same_at_once_do_not_meet(layout: Layout) -> None:
    at_once = threading.Barrier(4)

    def begin() -> None:
        for _ in range(50):
            at_once.wait(30)
            layout.unfinished.begin(WANTED.digest, [WANTED.digest])

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(begin) for _ in range(4)]:
            one.result(60)
    assert (layout.path / "pending" / WANTED.digest.hex).read_text().split() == [WANTED.digest.hex]
    assert list((layout.path / "tmp").iterdir()) == []


def test_a_file_that_went_before_it_was_locked_is_opened_anew(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, path = fcntl.flock, layout.path / "partial" / WANTED.digest.hex

    def ends_just_before(file: Any, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        path.unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", ends_just_before)
    with layout.unfinished.partial(WANTED) as partial:
        partial.write(TEXT)
        partial.finish()
    assert layout.has(WANTED.digest)


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
