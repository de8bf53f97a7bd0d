"""The log: how much of it is kept, and which part of it is asked for."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from docker import errors as docker_errors
from embedded import Engine
from support import wait_for

from ipycontainers.engine import logs
from ipycontainers.engine.supervise.log import Reader, Writer
from ipycontainers.engine.supervise.output import record, records

IMAGE = "ipycontainers-test/busybox"
# docker-py leaves the sockets of exec_run to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SCRIPT = (
    "echo o1; sleep .1; echo e1 >&2; sleep .1; echo o2; sleep .1; echo e2 >&2; sleep .1; "
    "echo e3 >&2; sleep .1; printf par; sleep .2; echo tial; sleep .1; printf end; exit 4"
)


def run(engine: Engine, script: str, log: dict[str, str] | None = None, **more: Any) -> Any:
    if log is not None:
        more["log_config"] = {"Type": "json-file", "Config": log}
    return engine.client.containers.run(IMAGE, ["sh", "-c", script], detach=True, **more)


def all_of(folder: Path, **asked: Any) -> bytes:
    selection = logs.Selection(frozenset(asked.pop("streams", {1, 2})), tty=True, **asked)
    log = logs.Log(folder, selection)
    try:
        return b"".join(log.new(is_over=True))
    finally:
        log.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- files ---------------------------------------------------------------------------------------


def test_it_takes_no_more_room_than_it_may(folder: Path) -> None:
    writer = Writer(1000, 3)
    for number in range(1000):
        writer.write(1, b"line %d\n" % number)
    writer.close()
    assert sorted(path.name for path in folder.iterdir()) == [
        "output.log",
        "output.log.1",
        "output.log.2",
    ]
    assert all(path.stat().st_size <= 1000 for path in folder.iterdir())
    lines = all_of(folder).split()
    assert lines[-1] == b"999"
    numbers = [int(word) for word in lines[1::2]]
    assert numbers == list(range(numbers[0], 1000))
    assert len(numbers) > 60


def test_a_reader_goes_on_through_rotations(folder: Path) -> None:
    writer, reader = Writer(200, 3), Reader(str(folder))
    seen = []
    for number in range(300):
        writer.write(1, b"%d" % number)
        if number % 7 == 0:
            seen += [int(it.data) for it in reader.records()]
    seen += [int(it.data) for it in reader.records()]
    assert seen == list(range(300))
    for number in range(300, 400):  # more than is kept
        writer.write(1, b"%d" % number)
    seen = [int(it.data) for it in reader.records()]
    assert seen[-1] == 399
    assert seen == sorted(set(seen))
    writer.close()
    reader.close()


def test_a_reader_comes_upon_nothing_twice_while_files_are_renamed(folder: Path) -> None:
    writer, reader = Writer(60, 3), Reader(str(folder))
    last = 20_000

    def write() -> None:
        for number in range(last + 1):
            writer.write(1, b"%d" % number)

    writing = threading.Thread(target=write)
    writing.start()
    seen = [-1]
    while writing.is_alive() or seen[-1] < last:
        for it in reader.records():
            assert int(it.data) > seen[-1]
            seen.append(int(it.data))
    writing.join()
    writer.close()
    reader.close()


def test_a_record_is_whole_or_not_there(folder: Path) -> None:
    path = folder / "output.log"
    path.write_bytes(record(1, b"one\n") + record(2, b"two\n")[:-3])
    assert all_of(folder) == b"one\n"
    assert all_of(folder, tail=5) == b"one\n"
    with path.open("rb") as file:
        assert [it.data for it in records(file)] == [b"one\n"]


@pytest.mark.parametrize("tail", range(7))
def test_the_last_lines_are_found_wherever_they_begin(folder: Path, tail: int) -> None:
    writer = Writer(60, 9)
    text = b"first\nsecond\nthird\nfourth\nfifth"
    for at in range(0, len(text), 3):
        writer.write(1, text[at : at + 3])
    writer.close()
    expected = b"".join(text.splitlines(keepends=True)[-tail:]) if tail else b""
    assert all_of(folder, tail=tail) == expected


def test_the_end_of_a_long_log_is_not_looked_for_from_its_beginning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    piece = record(1, b"x" * 99 + b"\n")
    with (folder / "output.log").open("wb") as file:
        for _ in range(9):
            file.write(piece * 100_000)
    read = []

    def counted(file: BinaryIO, end: int) -> Any:
        read.append(end)
        return logs_record_before(file, end)

    logs_record_before = logs.record_before
    monkeypatch.setattr(logs, "record_before", counted)
    assert all_of(folder, tail=20).count(b"\n") == 20
    assert len(read) < 30


# --- what is asked for ---------------------------------------------------------------------------


def test_tail_times_and_streams_are_dockers(own: Engine, docker: Any) -> None:
    container = run(own, SCRIPT)
    assert container.wait()["StatusCode"] == 4
    assert container.logs(stderr=False, tail=2) == b"partial\nend"
    # The last three lines of both, of which one is shown:
    assert container.logs(stdout=False, tail=3) == b"e3\n"
    assert container.logs(tail=1) == b"end"
    assert container.logs(tail=0) == b""
    assert container.logs(stderr=False) == b"o1\no2\npartial\nend"
    stamped = container.logs(timestamps=True).split(b"\n")
    assert [line.partition(b" ")[2] for line in stamped] == [
        *(b"o1", b"e1", b"o2", b"e2", b"e3", b"partial", b"end"),
    ]
    assert all(re.match(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ", line) for line in stamped)
    # From the very moment of a line, by its text and by its number.
    moment = stamped[2].partition(b" ")[0].decode()
    later = b"o2\ne2\ne3\npartial\nend"
    assert raw_logs(docker, container, since=moment) == later
    seconds = logs.wire.nanoseconds(moment)
    fraction = f"{seconds // 10**9}.{seconds % 10**9:09}"
    assert raw_logs(docker, container, since=fraction) == later
    assert raw_logs(docker, container, until=fraction) == b"o1\ne1\no2\n"
    with pytest.raises(docker_errors.APIError, match="since"):
        raw_logs(docker, container, since="yesterday")


def raw_logs(docker: Any, container: Any, **query: str) -> bytes:
    """What docker-py cannot ask for: it rounds times to seconds."""
    api = docker.api
    url = api._url("/containers/{0}/logs", container.id)
    found = api._get(url, params={"stdout": 1, "stderr": 1, **query})
    api._raise_for_status(found)
    data, shown = found.content, b""
    while data:
        size = int.from_bytes(data[4:8], "big")
        shown, data = shown + data[8 : 8 + size], data[8 + size :]
    return shown


def test_a_log_keeps_to_its_options_and_is_followed(own: Engine, docker: Any) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done"
    container = docker.containers.create(
        IMAGE,
        ["sh", "-c", script],
        log_config={"Type": "json-file", "Config": {"max-size": "10k", "max-file": "3"}},
    )
    followed: list[bytes] = []
    reading = threading.Thread(
        target=lambda: followed.extend(container.logs(stream=True, follow=True))
    )
    reading.start()
    time.sleep(0.2)
    container.start()
    container.wait()
    reading.join(30)
    folder = own.data / "containers" / container.id
    assert sum(path.stat().st_size for path in folder.glob("output.log*")) < 31_000
    kept = container.logs().split()
    assert kept == [b"%d" % number for number in range(int(kept[0]), 3001)]
    assert len(kept) > 500
    numbers = [int(word) for word in b"".join(followed).split()]
    assert numbers[-1] == 3000
    assert numbers == sorted(set(numbers))


def test_who_only_looks_keeps_no_program_waiting(own: Engine, docker: Any) -> None:
    container = run(own, "yes | head -c 30000000; touch /tmp/done; sleep 60", {"max-size": "1m"})
    stream = container.logs(stream=True, follow=True)  # and never read
    assert wait_for(lambda: container.exec_run("ls /tmp/done").exit_code == 0)
    stream.close()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"Type": "nope"}, 'error looking up logging plugin nope: plugin "nope" not found'),
        (
            {"Type": "json-file", "Config": {"foo": "1"}},
            "unknown log opt 'foo' for json-file log driver",
        ),
        (
            {"Type": "json-file", "Config": {"max-size": "x"}},
            "failed to initialize logging driver: invalid size: 'x'",
        ),
        (
            {"Type": "json-file", "Config": {"max-file": "0"}},
            "failed to initialize logging driver: max-file cannot be less than 1",
        ),
    ],
)
def test_options_of_the_log_are_checked(
    own: Engine, docker: Any, config: dict[str, Any], said: str
) -> None:
    with pytest.raises(docker_errors.APIError) as caught:
        docker.containers.create(IMAGE, ["true"], name="checked", log_config=config)
    assert (caught.value.status_code, caught.value.explanation) == (400, said)
    docker.containers.create(IMAGE, ["true"], name="checked")  # moby#23371: the name is free


def test_without_options_it_has_bounds_too(own: Engine, docker: Any) -> None:
    container = docker.containers.create(IMAGE, ["true"])
    run_file = own.data / "containers" / container.id / "run.json"
    size, files = json.loads(run_file.read_text())["session"]["log"]
    assert 100e6 < size * files < 300e6
