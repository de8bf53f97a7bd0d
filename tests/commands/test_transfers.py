"""What is on its way breaks, and what an engine reports of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from ipycontainers.commands import reports, transfers
from ipycontainers.commands.console import Console
from ipycontainers.errors import CommandFailed, EngineUnavailable


def _console(folder: Path) -> Console:
    return Console(cast("Any", None), print, print, folder)


def _cut() -> Iterator[bytes]:
    yield b"half of "
    raise ConnectionResetError("reset")


def test_a_save_that_is_cut_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "saved.tar").write_bytes(b"before")
    with (
        pytest.raises(EngineUnavailable, match="broke"),
        transfers.written(_console(tmp_path), "saved.tar", "save image") as file,
    ):
        file.writelines(reports.received(_cut()))
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [
        ("saved.tar", b"before")
    ]


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    console = _console(tmp_path)
    with (
        pytest.raises(CommandFailed, match="no space left on device"),
        transfers.written(console, "full", "save image"),
        Path("/dev/full").open("wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CommandFailed), transfers.written(console, "no/such", "save image"):
        pass


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_replaced_by_none(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "there")
    before = (tmp_path / "there").lstat()
    with (
        pytest.raises(CommandFailed, match="must be a directory or a regular file: got a"),
        transfers.written(_console(tmp_path), "there", "save image"),
    ):
        pass
    assert (tmp_path / "there").lstat() == before


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ({"status": "Pulling fs layer", "id": "0123456789ab"}, "0123456789ab: Pulling fs layer\n"),
        ({"status": "Downloading", "progressDetail": {"current": 1, "total": 9}, "id": "a"}, ""),
        ({"status": "Waiting", "progressDetail": {}, "id": "a"}, "a: Waiting\n"),
        ({"stream": "Step 1/2 : FROM x\n"}, "Step 1/2 : FROM x\n"),
        ({"status": "Status: Downloaded"}, "Status: Downloaded\n"),
    ],
)
def test_a_report_is_shown_as_where_nobody_watches(line: dict[str, Any], shown: str) -> None:
    assert reports.text(line) == shown


def test_a_report_of_failure_has_the_steps_code() -> None:
    said: list[str] = []
    lines = [
        {"stream": "one\n"},
        {"error": "it failed", "errorDetail": {"code": 3, "message": "it failed"}},
        {"stream": "never\n"},
    ]
    with pytest.raises(CommandFailed, match="it failed") as raised:
        reports.follow(lines, said.append)
    assert (raised.value.exit_code, said) == (3, ["one\n"])
