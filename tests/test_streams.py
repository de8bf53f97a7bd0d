"""Frames, text, and the bounds on what a cell shows."""

from __future__ import annotations

import struct
import threading

from hypothesis import given
from hypothesis import strategies as st

from ipycontainers import streams
from ipycontainers.streams import STDERR, STDOUT, Capture, Frame, Output, Pipe


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


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n"]), max_size=12))
def test_with_a_terminal_crlf_becomes_lf_wherever_it_is_cut(parts):  # R21 c
    sink = Capture()
    output = Output(sink, sink, tty=True)
    for part in parts:
        output.feed(Frame(STDOUT, part))
    output.close()
    assert sink.text() == b"".join(parts).replace(b"\r\n", b"\n").decode()


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
    writer.join(30)
    assert not writer.is_alive()


def test_a_pipe_makes_the_writer_wait_until_it_is_given_up():
    pipe = Pipe()
    writer = threading.Thread(
        target=lambda: (pipe.feed(STDOUT, b"x" * 100_000), pipe.feed(STDOUT, b"y"), pipe.close())
    )
    writer.start()
    writer.join(0.2)
    assert writer.is_alive()
    pipe.give_up()
    writer.join(30)
    assert not writer.is_alive()
    with pipe.reader as file:
        assert file.read() == "x" * 100_000


def test_a_pipe_whose_reader_left_drops_the_rest():
    pipe = Pipe()
    pipe.reader.close()
    for _ in range(3):
        pipe.feed(STDOUT, b"x" * 100_000)
    pipe.close()
    assert pipe.take(1) == b""


def test_standard_error_keeps_its_last_words():
    sink = Capture()
    output = Output(sink, sink)
    output.feed(Frame(STDERR, b"x" * 10_000))
    output.feed(Frame(STDERR, b"sh: import: not found\n"))
    assert output.last_error_text().endswith("import: not found\n")
    assert len(output.last_error_text()) <= 4096
