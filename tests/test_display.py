"""What a cell shows, and the bounds on it."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest

from ipycontainers.display import Display
from ipycontainers.streams import STDERR, STDOUT, Frame, Output


class Notebook:
    """Collects what is shown, as (stream, text)."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, str]] = []

    def __call__(self, stream: str, text: str) -> None:
        self.shown.append((stream, text))

    def text(self, stream: str) -> str:
        return "".join(text for name, text in self.shown if name == stream)


def show(frames: list[tuple[str, bytes]], **limits) -> Notebook:
    notebook = Notebook()
    display = Display(notebook, **limits)
    output = Output(display, display, tty=limits.pop("tty", False))
    for stream, data in frames:
        output.feed(Frame(stream, data))
    output.close()
    return notebook


def test_a_character_cut_in_two_stays_one_character():  # R06 a
    assert show([(STDOUT, b"caf\xc3"), (STDOUT, b"\xa9\n")]).text(STDOUT) == "café\n"


def test_bytes_that_are_no_utf8_become_replacement_characters():  # R06 b, c
    assert show([(STDOUT, b"a\xfeb\n")]).text(STDOUT) == "a\ufffdb\n"
    assert show([(STDOUT, b"caf\xc3")]).text(STDOUT) == "caf\ufffd"


def test_each_stream_has_its_own_decoder():  # R06 d
    notebook = show([(STDOUT, b"\xc3"), (STDERR, b"E\n"), (STDOUT, b"\xa9\n")])
    assert (notebook.text(STDOUT), notebook.text(STDERR)) == ("é\n", "E\n")


def test_carriage_returns_and_colours_are_kept():  # R05
    text = b"\r10%\r50%\r100%\x1b[31mred\x1b[0m"
    assert show([(STDOUT, text)]).text(STDOUT) == text.decode()


LINES = [f"line {number:05}\n".encode() for number in range(2000)]


@pytest.fixture
def private_temp(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_flood_shows_its_first_and_last_part_and_names_a_file_with_all(private_temp):
    notebook = show([(STDOUT, line) for line in LINES], shown_first=1100, shown_last=500)
    (path,) = private_temp.iterdir()
    assert path.read_bytes() == b"".join(LINES)
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in notebook.text(STDERR)
    shown = notebook.text(STDOUT)
    assert shown.startswith("line 00000\n")
    assert shown.endswith("line 01998\nline 01999\n")
    assert len(shown) <= 1700
    hidden = len(b"".join(LINES)) - len(shown)
    assert f"{hidden:,} bytes not shown" in notebook.text(STDERR)


def test_the_last_part_begins_at_a_line_and_holds_whole_characters(private_temp):
    text = "é€😀ü\n" * 40_000
    notebook = show([(STDOUT, text.encode())], shown_first=1000, shown_last=100_000)
    assert "\ufffd" not in notebook.text(STDOUT)
    assert set(notebook.text(STDOUT).split("\n")[-5000:]) == {"é€😀ü", ""}


def test_the_file_ends_at_its_limit_and_says_what_was_dropped(private_temp):
    notebook = show([(STDOUT, b"".join(LINES))], shown_first=10, shown_last=10, file_limit=100)
    (path,) = private_temp.iterdir()
    assert path.read_bytes() == b"".join(LINES)[:100]
    assert f"{len(b''.join(LINES)) - 100:,} were dropped" in notebook.text(STDERR)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_costs_the_file_and_not_the_cell(private_temp, monkeypatch):
    def full(prefix, suffix):
        return os.open("/dev/full", os.O_WRONLY), f"{prefix}x{suffix}"

    monkeypatch.setattr(tempfile, "mkstemp", full)
    notebook = show([(STDOUT, b"".join(LINES))], shown_first=10, shown_last=9000)
    assert "No space left" in notebook.text(STDERR)
    assert notebook.text(STDOUT).endswith("line 01999\n")


@pytest.mark.parametrize("size", [100, 300, 700])
def test_what_is_shown_whole_makes_no_note_and_no_file(private_temp, size):
    data = b"x" * size
    notebook = show([(STDOUT, data)], shown_first=200, shown_last=600)
    assert notebook.shown == [(STDOUT, data.decode())] or size > 200
    assert notebook.text(STDOUT) == data.decode()
    assert notebook.text(STDERR) == ""
    assert list(private_temp.iterdir()) == []


@pytest.mark.parametrize("data", [b"\0", b"\x1b", b"\xff", "é".encode()])
def test_what_grows_in_a_message_counts_as_what_it_becomes(private_temp, data):
    notebook = show([(STDOUT, data * 3_000_000)])
    sent = sum(len(json.dumps(text, ensure_ascii=False).encode()) for _, text in notebook.shown)
    assert sent < 1_000_000


def test_single_bytes_cost_no_object_each(private_temp):
    notebook = Notebook()
    display = Display(notebook, shown_first=0)
    for _ in range(100_000):
        display.feed(STDOUT, b"x")
    assert len(display._last) < 50
    display.close()
    assert notebook.text(STDOUT) == "x" * 100_000


def test_files_of_days_ago_make_room(private_temp):
    old, new = (private_temp / f"ipycontainers-{name}.log" for name in ("old", "new"))
    for path in (old, new, private_temp / "other.log"):
        path.write_bytes(b"")
    os.utime(old, (0, 0))
    os.utime(private_temp / "other.log", (0, 0))
    show([(STDOUT, b"".join(LINES))], shown_first=10, shown_last=10)
    assert not old.exists()
    assert new.exists()
    assert (private_temp / "other.log").exists()
