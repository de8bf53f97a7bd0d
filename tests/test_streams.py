"""Frames, text, and the bounds on what a cell shows."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipycontainers import streams
from ipycontainers.streams import STDERR, STDOUT, Capture, Display, Frame, Output, Pipe


def head(number: int, size: int) -> bytes:
    return struct.pack(">BxxxL", number, size)


def reader(data: bytes, cuts: list[int]):
    """A ``read`` that returns the data in pieces, as a socket may."""
    pieces, rest = [], data
    for cut in cuts:
        piece, rest = rest[:cut], rest[cut:]
        if piece:
            pieces.append(piece)
    pieces += [rest] if rest else []
    return lambda _size: pieces.pop(0) if pieces else b""


def joined(frames: list[Frame], stream: str) -> bytes:
    return b"".join(frame.data for frame in frames if frame.stream == stream)


def flat(batches) -> list[Frame]:
    return [frame for batch in batches for frame in batch]


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8),
    st.lists(st.integers(1, 20), max_size=20),
)
def test_frames_come_out_as_they_were_put_in_wherever_the_reads_cut(parts, cuts):
    wire = b"".join(head(number, len(data)) + data for number, data in parts)
    frames = flat(streams.batches(reader(wire, cuts)))
    for number, stream in ((1, STDOUT), (2, STDERR)):
        assert joined(frames, stream) == b"".join(data for n, data in parts if n == number)
    assert all(frame.data for frame in frames)


def test_a_frame_of_4_gib_costs_one_read():
    wire = head(1, 2**32 - 1) + b"x" * 10
    assert flat(streams.batches(reader(wire, [8]))) == [Frame(STDOUT, b"x" * 10)]


def test_a_connection_that_ends_inside_a_frame_gives_what_arrived():
    assert flat(streams.batches(reader(head(2, 100) + b"half", []))) == [Frame(STDERR, b"half")]
    assert flat(streams.batches(reader(b"\x01\x00\x00", []))) == []


def test_the_engines_own_error_frames_are_standard_error():
    assert flat(streams.batches(reader(head(3, 2) + b"no", []))) == [Frame(STDERR, b"no")]


def test_a_terminal_has_no_frames():
    assert flat(streams.batches(reader(b"\x01abc", []), tty=True)) == [Frame(STDOUT, b"\x01abc")]


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


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"]), max_size=12))
def test_with_a_terminal_crlf_becomes_lf_wherever_it_is_cut(parts):  # R21 c
    sink = Capture()
    output = Output(sink, sink, tty=True)
    for part in parts:
        output.feed(Frame(STDOUT, part))
    output.close()
    assert sink.text() == b"".join(parts).replace(b"\r\n", b"\n").decode()


LINES = [f"line {number:05}\n".encode() for number in range(2000)]


@pytest.fixture
def private_temp(tmp_path, monkeypatch):
    monkeypatch.setattr(streams.tempfile, "tempdir", str(tmp_path))
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
    assert len(shown) <= 1600
    hidden = len(b"".join(LINES)) - len(shown)
    assert f"{hidden:,} bytes not shown" in notebook.text(STDERR)


def test_the_last_part_begins_at_a_line(private_temp):
    notebook = show([(STDOUT, b"".join(LINES))], shown_first=11, shown_last=40)
    assert notebook.text(STDOUT).removeprefix("line 00000\n").startswith("line ")


def test_the_file_ends_at_its_limit_and_says_what_was_dropped(private_temp):
    notebook = show([(STDOUT, b"".join(LINES))], shown_first=10, shown_last=10, file_limit=100)
    (path,) = private_temp.iterdir()
    assert path.read_bytes() == b"".join(LINES)[:100]
    assert f"{len(b''.join(LINES)) - 100:,} were dropped" in notebook.text(STDERR)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_costs_the_file_and_not_the_cell(private_temp, monkeypatch):
    import os

    def full(prefix, suffix):
        return os.open("/dev/full", os.O_WRONLY), f"{prefix}x{suffix}"

    monkeypatch.setattr(streams.tempfile, "mkstemp", full)
    notebook = show([(STDOUT, b"".join(LINES))], shown_first=10, shown_last=30)
    assert "No space left" in notebook.text(STDERR)
    assert notebook.text(STDOUT).endswith("line 01999\n")


def test_output_just_within_the_budget_makes_no_file(private_temp):
    data = b"x" * 100
    assert show([(STDOUT, data)], shown_first=100).text(STDOUT) == data.decode()
    assert list(private_temp.iterdir()) == []


def test_a_capture_is_bounded_and_counts_what_it_lost():
    capture = Capture(limit=4)
    capture.feed(STDOUT, b"abcdef")
    capture.close()
    assert (capture.text(), capture.lost) == ("abcd", 2)


def test_a_pipe_is_read_while_it_is_written():
    pipe = Pipe()
    writer = threading.Thread(
        target=lambda: (pipe.feed(STDOUT, b"one\n" * 50_000), pipe.close()), daemon=True
    )
    writer.start()
    with pipe.reader as file:
        assert file.readline() == "one\n"
        assert len(file.read()) == 4 * 49_999
    writer.join(5)
    assert not writer.is_alive()


def test_a_pipe_whose_reader_left_drops_the_rest():
    pipe = Pipe()
    pipe.reader.close()
    pipe.feed(STDOUT, b"x" * 100_000)
    pipe.close()


def test_standard_error_keeps_its_last_words():
    sink = Capture()
    output = Output(sink, sink)
    output.feed(Frame(STDERR, b"x" * 10_000))
    output.feed(Frame(STDERR, b"sh: import: not found\n"))
    assert output.last_error_text().endswith("import: not found\n")
    assert len(output.last_error_text()) <= 4096
