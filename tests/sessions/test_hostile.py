"""Containers that answer with anything but what the agent says: an error in words, never a hang."""

from __future__ import annotations

import json
import pickle
import struct
import sys
import time
from pathlib import Path
from typing import Any

import agents
import pytest
from support import patience

from ipycontainers.errors import CellFailed, Invalid
from ipycontainers.sessions import python as module
from ipycontainers.sessions.agent import wire

READY = wire.frame({"op": "ready", "version": [3, 13, 0]})
# Reads what it is sent, says that it is ready, waits for a cell and answers with the file.
ANSWERING = """
import sys, os, time
size = int(sys.stdin.buffer.read(8), 16)
sys.stdin.buffer.read(size)
def say(data):
    while data:
        data = data[os.write(1, data):]
say({ready!r})
sys.stdin.buffer.read(4)
answer = open({answer!r}, "rb").read()
say(answer)
while {again}:
    say(answer)
time.sleep({rest})
"""


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("a pickle was opened",)


def peer(folder: Path, answer: bytes, *, again: bool = False, rest: float = 60) -> Any:
    file = folder / "answer"
    file.write_bytes(answer)
    script = ANSWERING.format(ready=READY, answer=str(file), again=again, rest=rest)
    return agents.local("python3", command=[sys.executable, "-c", script])


def message(head: dict[str, Any], data: bytes = b"") -> bytes:
    return b"".join(wire.frames({"cell": 1, **head}, data))


ENDED = message({"op": "ended", "code": 0}, b"{}")


@pytest.mark.parametrize(
    "answer",
    [
        pickle.dumps(Bomb()),
        struct.pack(">I", 2**32 - 1) + b"x" * 100,
        struct.pack(">I", 0),
        struct.pack(">I", 5) + b"{]{]{",
        struct.pack(">I", 5) + b"12345",
        struct.pack(">I", 4) + b'"\xff"x',
        struct.pack(">I", 60_000) + b"[" * 60_000,
        wire.frame({"op": "stream", "size": 2**40}),
        wire.frame({"op": "stream", "size": -1}),
        wire.frame({"op": "stream", "size": True}),
        wire.frame({"op": "stream", "size": "9"}),
        b"<html>200 OK</html>",
    ],
)
def test_what_is_no_frame_ends_the_session_in_words(tmp_path: Path, answer: bytes) -> None:
    with peer(tmp_path, answer) as session:
        with pytest.raises(CellFailed, match="cannot be understood any more") as failed:
            session.run("1")
        assert failed.value.hint == "restart the session"
        with pytest.raises(CellFailed):
            session.run("2")


def test_half_a_frame_ends_the_session_in_words(tmp_path: Path) -> None:
    with (
        peer(tmp_path, ENDED[:-1], rest=0) as session,
        pytest.raises(CellFailed, match="its last message is not complete"),
    ):
        session.run("1")


def test_a_container_that_ends_is_gone(tmp_path: Path) -> None:
    with peer(tmp_path, b"", rest=0) as session:
        ended = session.run("1").ended
    assert (ended.gone, ended.exit_code) == (True, 0)


@pytest.mark.parametrize(
    "head",
    [
        {"op": "ended", "code": 10**30},
        {"op": "ended", "code": "0"},
        {"op": "ended", "code": None, "lost": ["x"]},
        {"op": "ended", "code": -5, "lost": {"a": 1}},
        {"op": "ended", "code": True},
    ],
)
@pytest.mark.parametrize(
    "found",
    [
        b"",
        b"[]",
        b"[" * 500_000,
        b"9" * 900_000,
        b'{"traceback": 5, "name": [], "message": {}, "unset": "abc"}',
        json.dumps({"traceback": [1, None, "line"], "unset": [{}]}).encode(),
    ],
)
def test_ends_that_make_no_sense_are_ends(
    tmp_path: Path, head: dict[str, Any], found: bytes
) -> None:
    with peer(tmp_path, message(head, found)) as session:
        ended = session.run("1").ended
    assert isinstance(ended.exit_code, int)
    assert 0 <= ended.exit_code < 256
    assert all(isinstance(line, str) for line in (*ended.traceback, *ended.unset))
    assert isinstance(ended.lost, str)


def test_endless_output_can_be_interrupted(tmp_path: Path) -> None:
    flood = message({"op": "stream", "name": "stdout"}, b"x" * 1000) * 50
    with peer(tmp_path, flood, again=True) as session:
        with agents.interrupting(0.5) as moments, pytest.raises(KeyboardInterrupt):
            session.run("1")
        assert time.monotonic() - moments[0] < (module.END_SECONDS + 5) * patience()
        assert "its container was killed" in session.interpreter.lost
        with pytest.raises(CellFailed):
            session.run("2")


def test_a_peer_that_never_reads_can_be_interrupted(tmp_path: Path) -> None:
    with peer(tmp_path, b"") as session:
        with agents.interrupting(3), pytest.raises(KeyboardInterrupt):
            session.run("x = '" + "x" * 20_000_000 + "'")
        assert "its container was killed" in session.interpreter.lost


def test_a_peer_that_is_never_ready_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READY_SECONDS", 0.5)
    silent = [sys.executable, "-c", "import time; time.sleep(60)"]
    noise = wire.frame({"op": "noise"})
    noisy = [sys.executable, "-c", f"import os\nwhile True: os.write(1, {noise!r})"]
    for command in (silent, noisy):
        with (
            agents.local("python3", command=command, opened=False) as session,
            pytest.raises(CellFailed, match="python3 did not start a session: no answer within"),
        ):
            session.interpreter.open()


def test_output_of_other_cells_is_none_of_this_one(tmp_path: Path) -> None:
    others = [message({"op": "stream", "name": "stdout", "cell": cell}, b"no") for cell in (0, 2)]
    others += [message({"op": "display", "cell": 2}, b'{"data": {"text/plain": "no"}}')]
    others += [message({"op": "ended", "cell": {}, "code": 7})]
    with peer(tmp_path, b"".join(others) + ENDED) as session:
        shown = session.run("1")
    assert (shown.out, shown.outputs, shown.ended.exit_code) == ("", [], 0)


def test_rich_output_is_made_harmless(tmp_path: Path) -> None:
    live = {
        "text/html": "<img src=x onerror=alert(1)><script>alert(1)</script><iframe src=//x>",
        "application/javascript": "alert(1)",
        "image/svg+xml": "<svg><script>alert(1)</script></svg>",
        "text/plain": "plain",
    }
    data = json.dumps({"data": live, "metadata": {"text/html": {"isolated": True}}}).encode()
    answer = message({"op": "result"}, data) + message({"op": "update", "id": "other"}, data)
    with peer(tmp_path, answer + ENDED) as session:
        shown = session.run("1")
    for kind, made, metadata, identifier in shown.outputs:
        assert made == {"text/html": "<img>", "text/plain": "plain"}
        assert metadata == {}
        assert identifier == ("local-other" if kind == "update" else "")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b'{"data": []}',
        b'{"data": {"text/html": 5, "text/plain": {}}, "metadata": []}',
        b'{"data": {"text/plain": "x"}, "metadata": {"text/plain": [1]}}',
        b'{"data": ' * 200_000,
        b'{"data": {"application/json": ' + b"9" * 500_000 + b"}}",
    ],
)
def test_displays_that_make_no_sense_do_no_harm(tmp_path: Path, data: bytes) -> None:
    answer = message({"op": "display", "id": ["x"]}, data) + message({"op": "result"}, data)
    with peer(tmp_path, answer + message({"op": "clear", "wait": "x"}) + ENDED) as session:
        assert session.run("1").ended.exit_code == 0


def test_too_much_rich_output_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipycontainers.sessions.python_cell.SHOWN_COUNT", 50)
    one = message({"op": "display"}, b'{"data": {"text/plain": "x"}}')
    with peer(tmp_path, one * 200 + ENDED) as session:
        shown = session.run("1")
    assert len(shown.outputs) == 50
    assert shown.err.count("no more of its rich output is shown") == 1


def test_one_output_that_is_too_large_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ipycontainers.sessions.python_cell.BUNDLE_LIMIT", 3_000_000)
    large = json.dumps({"data": {"text/plain": "x" * 4_000_000}}).encode()
    with peer(tmp_path, message({"op": "display"}, large) + ENDED) as session:
        shown = session.run("1")
    assert shown.outputs == []
    assert "an output of more than 3,000,000 bytes is not shown" in shown.err


def test_values_are_bounded(tmp_path: Path) -> None:
    value = {"op": "value", "name": "v", "kind": "text", "meta": 2}
    answer = message({**value, "more": True}, b"{}") + message(value, b"x" * 2_000_000)
    with (
        peer(tmp_path, answer + ENDED) as session,
        pytest.raises(Invalid, match="-o v: all values together have more than") as failed,
    ):
        session.run("1", wanted=["v"], limit=1_000_000)
    assert failed.value.hint.startswith("--output-limit 3906k allows more")


def test_values_that_make_no_sense_are_none(tmp_path: Path) -> None:
    answers = [
        message({"op": "value", "name": 5, "kind": "text", "meta": 2}, b"{}x"),
        message({"op": "value", "name": "v", "kind": "text", "meta": 10**9}, b"{}x"),
        message({"op": "value", "name": "v", "kind": "text", "meta": "2"}, b"{}x"),
    ]
    for answer in answers[:2]:
        with peer(tmp_path, answer + ENDED) as session:
            assert dict(session.run("1", wanted=["v"]).ended.values) == {}
    with peer(tmp_path, answers[2] + ENDED) as session:
        assert session.run("1", wanted=["v"]).ended.values["v"].meta == {}


def test_nobody_unpickles(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    value = {"op": "value", "name": "v", "kind": "pickle", "meta": 2}
    with peer(tmp_path, message(value, b"{}" + pickle.dumps(Bomb())) + ENDED) as session:
        packed = session.run("1", wanted=["v"]).ended.values["v"]
    assert bytes(packed.data) == pickle.dumps(Bomb())
    assert "a pickle was opened" not in capfd.readouterr().out


def test_questions_of_a_container_are_bounded(tmp_path: Path) -> None:
    question = message({"op": "ask", "id": 1, "prompt": "x" * 50_000, "password": "no"})
    with peer(tmp_path, question + ENDED) as session:
        shown = session.run("1", answers=["fine"])
    assert [(len(prompt), password) for prompt, password in shown.front.prompts] == [(4096, False)]
