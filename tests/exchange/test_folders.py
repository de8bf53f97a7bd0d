"""A hostile tar writes nowhere but into its own folder, and its bombs do not go off."""

from __future__ import annotations

import io
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipycontainers.errors import ContainerError
from ipycontainers.exchange import folders

LIMIT = 1 << 20


@pytest.fixture(autouse=True)
def _nothing_else_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folders are made in tmp_path/new; nothing beside them changes."""
    (tmp_path / "new").mkdir()
    (tmp_path / "beside").write_text("untouched")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "new"))
    yield
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["beside", "new"]
    assert (tmp_path / "beside").read_text() == "untouched"


def _tar(*entries: tuple[str, Any]) -> bytes:
    """(name, content) for a file, (name, {field: value}) for anything else."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, given in entries:
            entry = tarfile.TarInfo(name)
            content = given if isinstance(given, bytes) else b""
            entry.size = len(content)
            for field, value in given.items() if isinstance(given, dict) else ():
                setattr(entry, field, value)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _link(target: str) -> dict[str, Any]:
    return {"type": tarfile.SYMTYPE, "linkname": target}


def _hard(target: str) -> dict[str, Any]:
    return {"type": tarfile.LNKTYPE, "linkname": target}


FOLDER = {"type": tarfile.DIRTYPE, "mode": 0o755}
SPARSE = {"type": tarfile.GNUTYPE_SPARSE, "size": 0}
HOSTILE = {
    "a name that climbs": [("x/../../../beside", b"!")],
    "a name that climbs from the top": [("../beside", b"!")],
    "an absolute name": [("/tmp/beside", b"!")],
    "a name with a backslash": [("x\\..\\..\\beside", b"!")],
    "a long name": [("x/" * 3000, b"!")],
    "an absolute link": [("x", FOLDER), ("x/l", _link("/etc"))],
    "a link that climbs": [("x", FOLDER), ("x/l", _link("../../beside"))],
    "a link alone that climbs": [("x", _link(".."))],
    "a file through a link": [("x", FOLDER), ("x/l", _link(".")), ("x/l/y", b"!")],
    "a file in place of a link": [("x", FOLDER), ("x/l", _link("y")), ("x/l", b"!")],
    "links that lead outside together": [
        ("x", FOLDER), ("x/a", FOLDER), ("x/a/b", _link("..")), ("x/c", _link("a/b/../../.."))],
    "another name of what is outside": [("x", FOLDER), ("x/h", _hard("/etc/passwd"))],
    "another name that climbs": [("x", FOLDER), ("x/h", _hard("../../beside"))],
    "another name of a link": [("x", FOLDER), ("x/l", _link("y")), ("x/h", _hard("x/l"))],
    "a device": [("x", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})],
    "a pipe": [("x", {"type": tarfile.FIFOTYPE})],
    "a file with holes": [("x", SPARSE)],
    "a file twice": [("x", b"1"), ("x", b"2")],
    "two things at the top": [("x", b"1"), ("y", b"2")],
    "nothing": [],
    "more bytes than the limit": [("x", bytes(LIMIT + 1))],
    "a bomb of names for one file": [
        ("x", FOLDER), ("x/f", bytes(LIMIT // 4)), *[(f"x/{n}", _hard("x/f")) for n in range(4)]],
    "folders too deep": [("/".join(["x"] * 200), b"1")],
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_an_error_and_leaves_nothing(what: str, tmp_path: Path) -> None:
    with pytest.raises(ContainerError):
        folders.unpack(_tar(*HOSTILE[what]), LIMIT)
    assert list((tmp_path / "new").iterdir()) == []


def test_files_of_no_size_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST", 100)
    with pytest.raises(ContainerError, match="more than 100 files"):
        folders.unpack(_tar(("x", FOLDER), *[(f"x/{n}", b"") for n in range(101)]), LIMIT)


def test_an_entry_that_says_it_is_huge_ends_early() -> None:
    data = bytearray(_tar(("x", b"1")))
    huge = tarfile.TarInfo("x")
    huge.size = 1 << 40
    data[:512] = huge.tobuf(tarfile.GNU_FORMAT)
    with pytest.raises(ContainerError):
        folders.unpack(data, LIMIT)


def test_special_bits_go_and_the_rest_stays() -> None:
    data = _tar(
        ("x", {**FOLDER, "mode": 0o3777}),
        ("x/run", {"mode": 0o6755}),
        ("x/deep/file", b"content"),
        ("x/link", _link("deep/file")),
        ("x/same", _hard("x/deep/file")),
    )
    made = folders.unpack(data, LIMIT)
    assert made.stat().st_mode & 0o7777 == 0o777
    assert (made / "run").stat().st_mode & 0o7777 == 0o755
    assert (made / "link").read_bytes() == (made / "same").read_bytes() == b"content"
    assert made.name == "x"
