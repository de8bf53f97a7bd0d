"""What RUN wrote, made the same everywhere: times, modes, Python's compiled files."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import stat
from pathlib import Path

import pytest

from ipycontainers.engine.build.settling import EARLIEST, Settling
from ipycontainers.errors import Invalid
from ipycontainers.oci import unpack
from ipycontainers.oci.pack import nobody
from ipycontainers.oci.record import Owner

BEGAN, MOMENT, BEFORE = 2_000_000_000, 1_500_000_000, 1_400_000_000


def settle(root: Path, owner: object = nobody, moment: int = MOMENT) -> Settling:
    """Everything below a folder, as of a step that began at ``BEGAN``."""
    settling = Settling(BEGAN, moment, owner)  # type: ignore[arg-type]
    for above, folders, names, handle in os.fwalk(root):
        inner = os.path.relpath(above, root)
        for name in (*folders, *names):
            settling.entry(handle, name, os.path.normpath(f"{inner}/{name}"))
    handle = os.open(root, os.O_RDONLY)
    settling.compiled(handle)
    os.close(handle)
    return settling


def write(path: Path, time: int, mode: int = 0o644) -> Path:
    path.write_text("x = 1\n")
    path.chmod(mode)
    os.utime(path, (time, time))
    return path


def test_what_was_written_gets_one_time_and_what_was_set_back_stays(tmp_path: Path) -> None:
    new, old = write(tmp_path / "new", BEGAN + 5), write(tmp_path / "old", BEFORE)
    (tmp_path / "link").symlink_to("gone")
    os.utime(tmp_path / "link", (BEGAN, BEGAN), follow_symlinks=False)
    settling = settle(tmp_path)
    assert [new.stat().st_mtime, old.stat().st_mtime] == [MOMENT, BEFORE]
    assert (tmp_path / "link").lstat().st_mtime == MOMENT
    assert settling.record.newest == MOMENT


def test_no_time_is_one_that_zip_cannot_have(tmp_path: Path) -> None:
    new = write(tmp_path / "new", BEGAN)
    settle(tmp_path, moment=0)
    assert new.stat().st_mtime == EARLIEST


def test_modes_are_recorded_and_not_on_the_disk(tmp_path: Path) -> None:
    write(tmp_path / "su", BEGAN, 0o4755)
    write(tmp_path / "none", BEGAN, 0)
    os.link(tmp_path / "su", tmp_path / "zz")  # its mode is gone when it comes
    record = settle(tmp_path).record
    assert {path: owner.mode for path, owner in record.owners.items()} == {
        "su": 0o4755,
        "zz": 0o4755,
        "none": 0,
    }
    assert stat.S_IMODE((tmp_path / "su").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "none").stat().st_mode) == 0o400


def test_what_has_another_owner_keeps_it(tmp_path: Path) -> None:
    write(tmp_path / "f", BEGAN, 0o640)
    record = settle(tmp_path, {"f": Owner(5, 6, 0o600)}.get).record
    assert record.owners == {"f": Owner(5, 6, 0o640)}


@pytest.mark.parametrize("hashed", [False, True])
def test_compiled_files_fit_their_sources_still(tmp_path: Path, hashed: bool) -> None:
    source = write(tmp_path / "module.py", BEGAN + 3)
    mode = py_compile.PycInvalidationMode[("TIMESTAMP", "CHECKED_HASH")[hashed]]
    compiled = Path(str(py_compile.compile(str(source), invalidation_mode=mode)))
    os.utime(compiled, (BEGAN + 4, BEGAN + 4))
    settle(tmp_path)
    content = compiled.read_bytes()
    assert compiled.stat().st_mtime == MOMENT
    loader = importlib.util.spec_from_file_location("module", source)
    assert loader
    if hashed:
        assert content[4:16] == b"\3\0\0\0" + importlib.util.source_hash(source.read_bytes())
    else:
        assert int.from_bytes(content[8:12], "little") == int(source.stat().st_mtime) == MOMENT
    assert content[:4] == importlib.util.MAGIC_NUMBER


def test_compiled_files_of_others_are_left_alone(tmp_path: Path) -> None:
    """Such as one that was never of this source's time."""
    source = write(tmp_path / "module.py", BEFORE)
    compiled = Path(str(py_compile.compile(str(source))))
    before = compiled.read_bytes()
    os.utime(source, (BEGAN, BEGAN))
    settle(tmp_path)
    assert compiled.read_bytes() == before


def test_a_step_writes_no_more_than_a_layer_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "MOST_ENTRIES", 10)
    for number in range(10):
        (tmp_path / str(number)).touch()
    settle(tmp_path)
    (tmp_path / "more").touch()
    with pytest.raises(Invalid, match="a layer of more than 10 entries"):
        settle(tmp_path)
