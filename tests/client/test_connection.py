from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import patience, wait_for, was_oom_told

from ipycontainers import errors, streams
from ipycontainers.client import Connection, connect

Run = Callable[..., Any]


@pytest.fixture
def container(engine: Connection, images: Any) -> Iterator[Callable[..., str]]:
    """container(*command, **config) → id; removed at the end."""
    made: list[str] = []

    def create(*command: str, **config: object) -> str:
        body = {"Image": images.busybox, "Cmd": list(command), **config}
        body.setdefault("HostConfig", {"NetworkMode": "none"})
        made.append(engine.create(body).id)
        return made[-1]

    yield create
    for container_id in made:
        engine.remove(container_id)


def test_output_and_exit_code_of_fast_programs(engine: Connection, images: Any, run: Run) -> None:
    for _ in range(10):
        ran = run(engine, images.busybox, ["sh", "-c", "echo hi; exit 7"])
        assert (ran.out, ran.exit.code, ran.exit.oom_killed) == (b"hi\n", 7, False)


def test_a_program_reads_its_input_to_the_end_and_its_output_goes_on(
    engine: Connection, images: Any, run: Run
) -> None:
    data = bytes(range(256)) * 8192
    ran = run(engine, images.busybox, ["sh", "-c", "cat; sleep 0.3; echo end"], stdin=data)
    assert ran.out == data + b"end\n"
    assert ran.exit.code == 0


def test_a_short_timeout_does_not_end_a_long_silence(
    engine: Connection, images: Any, run: Run
) -> None:
    with connect(engine.candidate.address, timeout=2) as connection:
        ran = run(connection, images.busybox, ["sh", "-c", "sleep 5; echo done"])
    assert ran.out == b"done\n"
    assert ran.exit.code == 0


def test_wait_outlasts_the_timeout_too(engine: Connection, images: Any) -> None:
    with connect(engine.candidate.address, timeout=1) as connection:
        body = {"Image": images.busybox, "Cmd": ["sh", "-c", "sleep 2; exit 3"]}
        created = connection.create(body)
        try:
            connection.start(created.id)
            assert connection.wait(created.id) == 3
        finally:
            connection.remove(created.id)


def test_what_arrives_with_the_head_of_the_answer_is_not_lost(
    socket_engine: Callable[..., str], http_answer: Callable[..., bytes]
) -> None:
    def answer(request: bytes) -> bytes:
        if b"/attach?" in request:
            head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
            return head + b"\x01\0\0\0\0\0\0\x06hello\n"
        return http_answer('{"ApiVersion": "1.41"}')

    with (
        connect(socket_engine(answer)) as connection,
        connection.attach("some") as attachment,
    ):
        assert b"".join(iter(attachment.read, b"")) == b"\x01\0\0\0\0\0\0\x06hello\n"


def test_a_terminal_is_not_framed(container: Callable[..., str], engine: Connection) -> None:
    name = container("sh", "-c", "echo hi; echo err >&2", Tty=True)
    with engine.attach(name, tty=True) as attachment:
        engine.start(name)
        assert b"".join(iter(attachment.read, b"")) == b"hi\r\nerr\r\n"


@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (["nosuch"], 127, "nosuch: no such program"),
        (["/bin/nosuch"], 127, "/bin/nosuch: no such program"),
        (["/etc"], 126, "/etc: is a folder, not a program"),
        (["/bin/../etc/"], 126, "/bin/../etc/: is a folder, not a program"),
        (["./bin"], 126, "./bin: is a folder, not a program"),
        (["/etc/passwd"], 126, "/etc/passwd: the file is not executable"),
    ],
)
def test_a_program_that_cannot_start_gets_docker_runs_exit_code(
    engine: Connection, container: Callable[..., str], command: list[str], code: int, words: str
) -> None:
    name = container(*command)
    with pytest.raises(errors.EngineError) as caught:
        engine.start(name)
    assert caught.value.exit_code == code
    assert words in caught.value.message
    assert "OCI" not in caught.value.message
    assert "runc" not in caught.value.message
    assert ("chmod +x" in caught.value.hint) == ("not executable" in caught.value.message)


def test_another_failure_to_start_is_125_and_keeps_the_reason(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("true", User="nosuch")
    with pytest.raises(errors.EngineError, match="unable to find user nosuch") as caught:
        engine.start(name)
    assert caught.value.exit_code == 125


def test_errors_keep_their_category(engine: Connection, images: Any) -> None:
    with pytest.raises(errors.NotFound):
        engine.create({"Image": "ipycontainers-test/nosuch"})
    with pytest.raises(errors.NotFound):
        engine.inspect_image("ipycontainers-test/nosuch")
    with pytest.raises(errors.NotFound):
        engine.inspect("nosuch")
    with pytest.raises(errors.NotFound):
        engine.attach("nosuch")
    with pytest.raises(errors.Invalid):
        engine.create({"Image": images.busybox, "HostConfig": {"Memory": 1}})
    with pytest.raises(errors.ContainerError) as caught:
        engine.kill("nosuch", "KILL")
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("verb", ["create", "inspect", "pull"])
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        *[(name, "for example ") for name in ("[1, 2]", "a b", "{lst}", "-x", "a//b", "a/", "")],
        *[(name, "for example ") for name in ("busybox@sha256:12", "a/../b", "x" * 200 + "/\n")],
        *[("Busy", "it must be lowercase: busy"), ("https://a.b/c", "without https://")],
    ],
)
def test_what_is_no_name_of_an_image_is_named(
    engine: Connection, verb: str, name: str, hint: str
) -> None:
    ask = {
        "create": lambda: engine.create({"Image": name}),
        "inspect": lambda: engine.inspect_image(name),
        "pull": lambda: engine.pull(name),
    }
    with pytest.raises(errors.Invalid, match="is no name of an image") as caught:
        ask[verb]()
    assert caught.value.message.startswith(repr(name)[:20])
    assert caught.value.hint.startswith(hint)
    assert len(caught.value.message) < 130


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("nosuch", "nosuch:latest"),
        ("nosuch:1", "nosuch:1"),
        ("localhost:5000/nosuch", "localhost:5000/nosuch:latest"),
        (f"nosuch@sha256:{'0' * 64}", f"nosuch@sha256:{'0' * 64}"),
    ],
)
def test_an_image_that_is_not_here_is_one_sentence(
    engine: Connection, name: str, shown: str
) -> None:
    for ask in (lambda: engine.create({"Image": name}), lambda: engine.inspect_image(name)):
        with pytest.raises(errors.NotFound) as caught:
            ask()
        assert caught.value.message == f"there is no image {shown} here"
        assert caught.value.hint == "--pull missing, the default, fetches it"


def test_an_image_that_is_here_for_another_platform_is_told(
    engine: Connection, images: Any
) -> None:
    image = engine.inspect_image(images.busybox)
    here = f"{image['Os']}/{image['Architecture']}"
    other = "linux/arm64" if here != "linux/arm64" else "linux/amd64"
    if engine.engine_name == "Docker":  # Podman takes what is here, and says nothing
        with pytest.raises(errors.NotFound, match=f"here is for {here}"):
            engine.create({"Image": images.busybox}, platform=other)
    with pytest.raises(errors.ContainerError) as caught:
        engine.pull("localhost:1/busybox", platform=other)
    assert "platform" not in caught.value.hint
    engine.docker.images.get(images.busybox).tag("localhost:1/busybox", "latest")
    try:
        with pytest.raises(errors.ContainerError) as caught:
            engine.pull("localhost:1/busybox", platform=other)
        assert caught.value.hint.startswith(f"the image that is here is for {here}: ")
        with pytest.raises(errors.ContainerError) as caught:
            engine.pull("localhost:1/busybox", platform=here)
        assert "platform" not in caught.value.hint
    finally:
        engine.docker.images.remove("localhost:1/busybox")


def test_a_name_that_is_taken_is_a_conflict(engine: Connection, images: Any) -> None:
    name = f"ipycontainers-test-taken-{os.getpid()}"
    created = engine.create({"Image": images.busybox}, name=name)
    try:
        with pytest.raises(errors.Conflict):
            engine.create({"Image": images.busybox}, name=name)
    finally:
        engine.remove(created.id)


def test_removing_is_no_error_when_it_is_gone_or_going(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("sleep", "100")
    engine.start(name)
    failures: list[BaseException] = []

    def remove() -> None:
        try:
            engine.remove(name)
        except errors.ContainerError as error:
            failures.append(error)

    threads = [threading.Thread(target=remove) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.remove(name)
    assert failures == []


def test_files_put_in_before_the_start_and_what_changed_after_it(
    engine: Connection, container: Callable[..., str]
) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("note")
        entry.size = 3
        archive.addfile(entry, io.BytesIO(b"abc"))
    name = container("sh", "-c", "cat /note > /copy")
    assert engine.changes(name) == []
    engine.put_archive(name, "/", data.getvalue())
    engine.start(name)
    assert engine.wait(name) == 0
    changed = {change["Path"]: change["Kind"] for change in engine.changes(name)}
    assert changed["/note"] == changed["/copy"] == 1


def test_lists(engine: Connection, images: Any, container: Callable[..., str]) -> None:
    name = container("true", Labels={"test.lists": "a=b"})
    assert [found["Id"] for found in engine.list_containers(labels={"test.lists": "a=b"})] == [name]
    assert engine.list_containers(labels={"test.lists": "a=b"}, all=False) == []
    listed = engine.list_images()
    assert any(image.startswith(images.busybox.partition(":")[0]) for image in listed)


def test_this_engine_shares_files_unless_it_is_reached_by_tcp(engine: Connection) -> None:
    assert engine.shares_files == (
        engine.candidate.address.startswith("unix://")
        and Path(engine.info()["DockerRootDir"]).is_dir()
    )


# --- how it ended --------------------------------------------------------------------------------


def test_the_exit_code_comes_at_once(engine: Connection, container: Callable[..., str]) -> None:
    """dockerd 20.10 answers ``wait`` about 45 ms later than this."""
    name = container("sh", "-c", "exit 5")
    with engine.attach(name) as attachment, engine.watch_exit(name) as watch:
        engine.start(name)
        assert attachment.read() == b""
        start = time.monotonic()
        ended = watch.result(30)
        assert time.monotonic() - start < 1 * patience()
    assert ended is not None
    assert ended.code == 5


@pytest.mark.needs("limits")
def test_out_of_memory_is_told_from_another_kill(
    engine: Connection, images: Any, run: Run, container: Callable[..., str]
) -> None:
    memory = {"Memory": 16 << 20, "MemorySwap": 16 << 20}
    eat = ["dd", "if=/dev/zero", "of=/dev/null", "bs=100M", "count=1"]
    for _ in range(5):
        ran = run(engine, images.busybox, eat, host=memory)
        assert not ran.warnings, ran.warnings
        assert ran.exit.code == 137
        if ran.exit.oom_killed:
            break
        # On a busy machine containerd loses it at times (its issue 8893): dockerd is never told.
        assert not was_oom_told(engine.docker, ran.id)
    assert ran.exit.oom_killed
    name = container("sleep", "100")
    with engine.watch_exit(name) as watch:
        engine.start(name)
        engine.kill(name, "KILL")
        ended = watch.result(30)
    assert ended is not None
    assert (ended.code, ended.oom_killed) == (137, False)


def test_result_returns_none_while_the_container_runs(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("sleep", "100")
    with engine.watch_exit(name) as watch:
        engine.start(name)
        assert watch.result(0.1) is None
        assert watch.result(2.5) is None
        engine.kill(name, "TERM")
        engine.kill(name, "KILL")
        assert watch.result(30)


def test_closing_a_watch_does_not_wait_for_the_container(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("sleep", "100")
    before = threading.active_count()
    watch = engine.watch_exit(name)
    engine.start(name)
    assert watch.result(2.2) is None  # long enough that it has begun to ask wait, too
    start = time.monotonic()
    watch.close()
    watch.close()
    assert time.monotonic() - start < 0.5 * patience()
    assert wait_for(lambda: threading.active_count() == before)


def test_when_the_events_break_wait_gives_the_code(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("sh", "-c", "sleep 0.5; exit 9")
    with engine.watch_exit(name) as watch:
        engine.start(name)
        watch._events.close()
        ended = watch.result(30)
    assert ended is not None
    assert ended.code == 9


def test_a_container_removed_unseen_is_not_found(
    engine: Connection, container: Callable[..., str]
) -> None:
    name = container("true")
    with engine.watch_exit(name) as watch:
        watch._events.close()
        assert wait_for(lambda: not watch._threads[0].is_alive())
        engine.remove(name)
        watch._done.clear()
        watch._exit = None
        with engine.watch_exit(name) as late:
            late._events.close()
            with pytest.raises(errors.NotFound):
                late.result(30)


def test_a_program_beside_the_containers_own(
    container: Callable[..., str], engine: Connection
) -> None:
    name = container("sleep", "100")
    engine.start(name)
    data = bytes(range(256)) * 4096
    with engine.execute(name, ["sh", "-c", "cat; echo err >&2; exit 7"], stdin=True) as program:
        assert program.exit_code() is None
        writer = threading.Thread(target=lambda: (program.write(data), program.close_write()))
        writer.start()
        frames = [one for batch in streams.batches(program.read) for one in batch]
        writer.join()
    assert b"".join(one.data for one in frames if one.stream == streams.STDOUT) == data
    assert b"".join(one.data for one in frames if one.stream == streams.STDERR) == b"err\n"
    assert wait_for(program.exit_code) == 7


def test_a_program_beside_that_is_missing_is_127_or_126(
    container: Callable[..., str], engine: Connection
) -> None:
    name = container("sleep", "100")
    engine.start(name)
    with engine.execute(name, ["nosuch"]) as program:
        assert b"".join(iter(program.read, b""))
    assert wait_for(program.exit_code) in (126, 127)


def test_no_program_beside_one_that_does_not_run(
    container: Callable[..., str], engine: Connection
) -> None:
    with pytest.raises(errors.Conflict):
        engine.execute(container("sleep", "100"), ["true"])
